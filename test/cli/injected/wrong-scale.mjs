// Preloaded into the command (node --import) to see it find a fault: scaling gets one channel of a layer wrong.
const { CrossLayerScaling } = await import(
  new URL('../../../dist/primitives/cross-layer-scaling.js', import.meta.url)
);
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
