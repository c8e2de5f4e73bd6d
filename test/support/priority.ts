/**
 * Before any test: lowers the priority of this process, and so of all that tests start, nearly to that at which the
 * sandbox process runs kernels. Otherwise a test file that computes would leave next to nothing to kernels in daemons of
 * another one, which would wait until all the others are done.
 */
import { setPriority } from 'node:os';

/** Above the lowest, 19, so that it still shows who yields to whom. */
const NEARLY_LOWEST = 15;

export function setup(): void {
  setPriority(NEARLY_LOWEST);
}
