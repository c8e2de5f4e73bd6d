/** The picture a job draws, filling tile by tile as units get their results. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { JobId } from '../../../node/protocol/ids.ts';
import type { JobView, UnitState } from '../../../node/protocol/view.ts';
import { colourPicture } from '../../../node/sdk/format.ts';
import { largestIn, putUnit, type Tile, tilesOfUnit } from '../model/tiles.ts';
import { count } from '../model/words.ts';
import type { PicturePlan } from '../peer-source.ts';
import type { PageState } from '../state.ts';
import { Panel } from './parts.tsx';
import { save } from './save.ts';

/** A larger one would take hundreds of megabytes of the tab. */
const PIXELS_MAX = 24_000_000;
/** Units fetched side by side. */
const FETCHES = 4;
/** A unit that cannot be read this often stays as it is. */
const FAILURES_MAX = 20;

interface PictureProps {
  readonly state: PageState;
  readonly job: JobId;
  readonly view: JobView;
  readonly plan: PicturePlan;
  readonly title: string;
  /** Outputs of one unit's tasks, one after the other. */
  readonly output: (unit: number) => Promise<Uint8Array>;
  /** Where only some units can be read, ever: which. */
  readonly isHere?: (unit: number) => boolean;
}

/** Whether `JobPicture` would show something. */
export function drawsPicture({ job, extras }: PageState, view: JobView): boolean {
  return job.value?.own?.picture !== undefined || extras.ownPart?.plan(view) !== undefined;
}

/** The picture of a job, if it draws one that this peer has outputs of: of its own job, or the part it has computed. */
export function JobPicture({ state, view }: { readonly state: PageState; readonly view: JobView }): JSX.Element | null {
  const own = state.job.value?.own?.picture;
  const { job, title } = view;
  const common = { state, job, view, title };
  if (own !== undefined) {
    const { source } = state;
    const output = (unit: number): Promise<Uint8Array> =>
      source.unitOutput?.(job, unit) ?? Promise.reject(new Error('units of this peer cannot be read'));
    return <PicturePanel {...common} plan={own} output={output} />;
  }
  const { ownPart } = state.extras;
  const plan = ownPart?.plan(view);
  if (ownPart === undefined || plan === undefined) return null;
  return (
    <PicturePanel
      {...common}
      plan={plan}
      output={(unit) => ownPart.output(job, unit)}
      isHere={(unit) => ownPart.has(job, unit)}
    />
  );
}

function PicturePanel(props: PictureProps): JSX.Element {
  const { plan, title } = props;
  if (plan.width * plan.height > PIXELS_MAX) {
    return (
      <Panel title="Picture">
        <p class="empty">
          {plan.width} × {plan.height} pixels are too many to show here. Download the result when it is finished.
        </p>
      </Panel>
    );
  }
  return <Picture key={title} {...props} />;
}

function Picture({ job, view, plan, title, output, isHere }: PictureProps): JSX.Element {
  const place = useRef<HTMLCanvasElement>(null);
  const painter = useRef<Painter | undefined>(undefined);
  const isPart = isHere !== undefined;
  const drawn = useSignal(0);
  useEffect(() => {
    const made = new Painter(place.current!, plan, view.spec.tasksPerUnit, output, (units) => {
      drawn.value = units;
    });
    painter.current = made;
    return () => made.stop();
  }, [job, plan.width, plan.height]);
  useEffect(() => painter.current?.show(view, isHere), [view]);
  const download = (): void => place.current?.toBlob((blob) => blob && save(blob, `${job.slice(0, 10)}.png`));
  const label = `Picture of “${title}”, ${plan.width} × ${plan.height} pixels, ${drawn.value} of ${view.units} units drawn`;
  return (
    <Panel
      title={isPart ? 'Your part of the picture' : 'Picture'}
      aside={
        drawn.value === view.units && (
          <button type="button" onClick={download}>
            Save as PNG
          </button>
        )
      }
    >
      <canvas ref={place} class="picture" width={plan.width} height={plan.height} role="img" aria-label={label} />
      <p class="note">
        {plan.width} × {plan.height} pixels, {drawn.value} of {count(view.units, 'unit')} drawn
        {isPart ? ', those this tab has computed. Only the submitter sees the rest.' : ''}
      </p>
    </Panel>
  );
}

/** Values of all pixels so far; colours are stretched to the largest of them, so a new largest repaints everything. */
class Painter {
  readonly #context: CanvasRenderingContext2D;
  readonly #plan: PicturePlan;
  readonly #tasksPerUnit: number;
  readonly #fetchUnit: (unit: number) => Promise<Uint8Array>;
  readonly #onDrawn: (units: number) => void;
  readonly #pixels: Uint8Array;
  readonly #units = new Map<number, 'wanted' | 'fetching' | 'drawn' | 'missing'>();
  readonly #failures = new Map<number, number>();
  #largest = 0;
  #fetching = 0;
  #isStopped = false;

  constructor(
    canvas: HTMLCanvasElement,
    plan: PicturePlan,
    tasksPerUnit: number,
    fetchUnit: (unit: number) => Promise<Uint8Array>,
    onDrawn: (units: number) => void,
  ) {
    this.#context = canvas.getContext('2d')!;
    this.#plan = plan;
    this.#tasksPerUnit = tasksPerUnit;
    this.#fetchUnit = fetchUnit;
    this.#onDrawn = onDrawn;
    this.#pixels = new Uint8Array(plan.width * plan.height * plan.bytesPerPixel);
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** `isHere` says which units can be read; without it those that have a result. */
  show({ unitRows }: JobView, isHere?: (unit: number) => boolean): void {
    const style = getComputedStyle(this.#context.canvas);
    for (const { unit, state, output } of unitRows) {
      const known = this.#units.get(unit);
      if (known === 'drawn') continue;
      this.#tint(unit, style.getPropertyValue(`--unit-${state satisfies UnitState}`));
      const isReadable = isHere === undefined ? output !== undefined : isHere(unit);
      if (isReadable && known === undefined) this.#units.set(unit, 'wanted');
    }
    this.#fetchNext();
  }

  #fetchNext(): void {
    for (const [unit, stage] of this.#units) {
      if (this.#isStopped || this.#fetching >= FETCHES) return;
      if (stage !== 'wanted') continue;
      this.#units.set(unit, 'fetching');
      this.#fetching++;
      void this.#fetchUnit(unit)
        .then((output) => this.#draw(unit, output))
        // It is asked for again with the next view, unless it does not come at all.
        .catch(() => {
          const failures = (this.#failures.get(unit) ?? 0) + 1;
          this.#failures.set(unit, failures);
          if (failures < FAILURES_MAX) this.#units.delete(unit);
          else this.#units.set(unit, 'missing');
        })
        .finally(() => {
          this.#fetching--;
          this.#fetchNext();
        });
    }
  }

  #draw(unit: number, output: Uint8Array): void {
    const tiles = tilesOfUnit(this.#plan, this.#tasksPerUnit, unit);
    // Outputs of another size are a kernel's mistake, and the join says so: here the tiles stay empty.
    this.#units.set(unit, 'drawn');
    if (this.#isStopped || !putUnit(this.#pixels, this.#plan, tiles, output)) return;
    const largest = largestIn(this.#pixels, this.#plan, tiles);
    if (largest > this.#largest) {
      this.#largest = largest;
      for (const [other, stage] of this.#units) {
        if (stage === 'drawn') this.#paint(tilesOfUnit(this.#plan, this.#tasksPerUnit, other));
      }
    } else {
      this.#paint(tiles);
    }
    this.#onDrawn([...this.#units.values()].filter((stage) => stage === 'drawn').length);
  }

  #paint(tiles: readonly Tile[]): void {
    const { width: pictureWidth, bytesPerPixel } = this.#plan;
    for (const { x, y, width, height } of tiles) {
      const pixels = new Uint8Array(width * height * bytesPerPixel);
      for (let row = 0; row < height; row++) {
        const at = ((y + row) * pictureWidth + x) * bytesPerPixel;
        pixels.set(this.#pixels.subarray(at, at + width * bytesPerPixel), row * width * bytesPerPixel);
      }
      const rgb = colourPicture({ width, height, bytesPerPixel, pixels }, this.#largest);
      const image = this.#context.createImageData(width, height);
      for (let i = 0; i < width * height; i++) {
        image.data.set(rgb.subarray(i * 3, i * 3 + 3), i * 4);
        image.data[i * 4 + 3] = 255;
      }
      this.#context.putImageData(image, x, y);
    }
  }

  /** Tiles without a result yet, in the colour of their unit's state, with a seam between them. */
  #tint(unit: number, colour: string): void {
    const seam = Math.max(1, this.#plan.width / 512);
    for (const { x, y, width, height } of tilesOfUnit(this.#plan, this.#tasksPerUnit, unit)) {
      this.#context.clearRect(x, y, width, height);
      this.#context.globalAlpha = 0.28;
      this.#context.fillStyle = colour;
      this.#context.fillRect(x + seam, y + seam, width - seam * 2, height - seam * 2);
      this.#context.globalAlpha = 1;
    }
  }
}
