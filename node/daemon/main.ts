/** Entry of the compiled `shoal` command; `shoal.js` has checked that it can run. */
import '../runtime/polyfills.ts';
import { main } from './cli/program.ts';

await main(process.argv);
