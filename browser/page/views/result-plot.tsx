/** A result as a drawing, beside the table that says the same. How to draw is loaded when there is something to draw. */
import { useSignal } from '@preact/signals';
import { h, type JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { PlottedResult } from '../../../node/sdk/plot/data.ts';
import type { Drawing, Shape } from '../../../node/sdk/plot/draw.ts';
import type { PlotMaterial } from '../../../node/sdk/plot/material.ts';
import { sentence } from '../model/words.ts';

interface PlotProps {
  readonly material: PlotMaterial;
  readonly result: PlottedResult;
  readonly title: string;
}

export function ResultPlot({ material, result, title }: PlotProps): JSX.Element {
  const place = useRef<HTMLElement>(null);
  const id = useId();
  const drawing = useSignal<Drawing | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  useEffect(() => {
    const element = place.current!;
    let isShown = true;
    let width = 0;
    const draw = async (): Promise<void> => {
      if (element.clientWidth === width) return;
      width = element.clientWidth;
      try {
        const { plotData, drawPlot } = await import('../model/plot.ts');
        if (isShown) drawing.value = drawPlot(plotData(material, result), width);
      } catch (error) {
        // What a kernel wrote need not be what its manifest says.
        problem.value = error instanceof Error ? error.message : String(error);
      }
    };
    const sizes = new ResizeObserver(() => void draw());
    sizes.observe(element);
    return () => {
      isShown = false;
      sizes.disconnect();
    };
  }, [result.bytes]);
  const drawn = drawing.value;
  return (
    <figure ref={place} class="result-plot">
      {problem.value !== undefined && <p class="problem">No drawing: {sentence(problem.value)}</p>}
      {drawn !== undefined && (
        <>
          <svg
            width={drawn.width}
            height={drawn.height}
            viewBox={`0 0 ${drawn.width} ${drawn.height}`}
            role="img"
            aria-labelledby={`${id}title ${id}description`}
          >
            <title id={`${id}title`}>{title}</title>
            <desc id={`${id}description`}>{drawn.description}</desc>
            {drawn.shapes.map(element)}
          </svg>
          <figcaption class="note">{drawn.description}</figcaption>
        </>
      )}
    </figure>
  );
}

function element({ tag, attributes, children }: Shape): JSX.Element {
  return h(tag, attributes, ...children.map((child) => (typeof child === 'string' ? child : element(child))));
}
