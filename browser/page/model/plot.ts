/** All there is to drawing a result, as one part that a page loads when a result has a plot. */
export { plotData } from '../../../node/sdk/plot/data.ts';
export { drawPlot } from '../../../node/sdk/plot/draw.ts';
