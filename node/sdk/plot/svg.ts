/** A drawing as a file of its own, which has its colours with it: light, and dark where a viewer prefers that. */
import type { Drawing, Shape } from './draw.ts';

const STYLE = `
  svg { background: #fff; color-scheme: light dark }
  text { font: 12px system-ui, sans-serif; fill: #5b6470 }
  .plot-name, .plot-strong { font-weight: 600; fill: #20262e }
  .plot-title { font: 600 15px system-ui, sans-serif; fill: #20262e }
  .plot-grid { stroke: #e4e7eb } .plot-axis { stroke: #8a93a0 } .plot-faint { stroke: #b9c0c9 }
  .plot-line, .plot-reference { fill: none; stroke-width: 2 } .plot-line { stroke: #0b6e78 }
  .plot-reference { stroke: #b4540a; stroke-dasharray: 6 4 } .plot-reference-text { fill: #b4540a }
  .plot-band { fill: #0b6e78; opacity: .18 } .plot-mark, .plot-bar { fill: #0b6e78 } .plot-mark { fill-opacity: .8 }
  .plot-tick, .plot-way { stroke: #0b6e78; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    svg { background: #14181d } text { fill: #a5afbb } .plot-name, .plot-strong, .plot-title { fill: #eef1f4 }
    .plot-grid { stroke: #2b323a } .plot-axis { stroke: #717b87 } .plot-faint { stroke: #4a535e }
    .plot-line, .plot-tick, .plot-way { stroke: #4fc3cf } .plot-band, .plot-mark, .plot-bar { fill: #4fc3cf }
    .plot-reference { stroke: #f0a35e } .plot-reference-text { fill: #f0a35e }
  }
`;
const MARGIN = 20;
const HEAD = 34;

/** `title` and the drawing's description are read out by a screen reader. */
export function toSvg({ width, height, description, shapes }: Drawing, title: string): string {
  const [all, tall] = [width + 2 * MARGIN, height + HEAD + 2 * MARGIN];
  const body = shapes.map(markup).join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${all} ${tall}" width="${all}" height="${tall}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">${escaped(description)}</desc>
<style>${STYLE}</style>
<text class="plot-title" x="${MARGIN}" y="${MARGIN + 14}">${escaped(title)}</text>
<g transform="translate(${MARGIN} ${MARGIN + HEAD})">
${body}
</g>
</svg>
`;
}

function markup({ tag, attributes, children }: Shape): string {
  const given = Object.entries(attributes).map(([name, value]) => ` ${name}="${escaped(String(value))}"`);
  const inside = children.map((child) => (typeof child === 'string' ? escaped(child) : markup(child))).join('');
  return `<${tag}${given.join('')}>${inside}</${tag}>`;
}

/** What XML forbids even as a reference is left out: labels come from strangers. */
function escaped(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
