/** Ctrl-C and SIGTERM: ends the peers that run and removes their folders before the process ends, with 130 by default. */
import { Swarm } from './swarm.ts';

export class Interruption {
  readonly #open = new Set<Swarm>();
  #happened = false;
  #exitCode = 130;

  constructor(onInterrupt: () => void) {
    const interrupt = (): void => {
      if (this.#happened) return;
      this.#happened = true;
      onInterrupt();
      void Promise.allSettled([...this.#open].map((swarm) => swarm.stop())).finally(() => process.exit(this.#exitCode));
    };
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
  }

  /** From now on an interruption is what is waited for. */
  endsWith(exitCode: number): void {
    this.#exitCode = exitCode;
  }

  /** A swarm that is stopped when this process is interrupted. */
  readonly createSwarm = async (): Promise<Swarm> => {
    const swarm = await Swarm.create();
    this.#open.add(swarm);
    return swarm;
  };

  /** Never resolves once interrupted: what fails while everything is being stopped is no news. */
  async passed(): Promise<void> {
    if (this.#happened) await new Promise(() => undefined);
  }
}
