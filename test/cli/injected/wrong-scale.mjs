// Preloaded into the command (node --import) to see it find a fault: scaling gets one channel of a layer wrong.
import { register } from 'node:module';

function scaleWrongly(CrossLayerScaling) {
  const guilty = process.env.WRONG_SCALE_IN;
  const scale = CrossLayerScaling.scaleClsSets;
  CrossLayerScaling.scaleClsSets = (sets) => {
    const factors = scale(sets);
    for (const [first] of sets) {
      if (first.path !== guilty) continue;
      const kernel = first.requireWeight('kernel');
      const wrong = new Float64Array(kernel.columns).fill(1);
      wrong[0] = 1.5;
      first.setWeight('kernel', kernel.scaled('columns', wrong));
    }
    return factors;
  };
}

// Behind what is bundled with the class it can be reached.
const HOOKS = `
  export async function load(url, context, next) {
    const loaded = await next(url, context);
    const text = String(loaded.source ?? '');
    if (!/class CrossLayerScaling\\b|CrossLayerScaling = class\\b/.test(text)) return loaded;
    return { ...loaded, source: text + ${JSON.stringify(`\n(${scaleWrongly})(CrossLayerScaling);`)} };
  }`;

register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);
