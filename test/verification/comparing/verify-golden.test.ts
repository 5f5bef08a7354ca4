import { expect, test } from 'vitest';
import { closeModel, loadModel } from '../../../src/node.ts';
import { referencePasses } from '../../../src/primitives/equalize-model.ts';
import { runPasses } from '../../../src/primitives/pass.ts';
import { verify } from '../../../src/verification/comparing/verify.ts';
import { seededInputs } from '../../../src/verification/inputs/seeded-inputs.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { goldenCases, goldenPath } from '../../support/golden.ts';

const runner = await TfjsRunner.create();

/** What only Python can run. */
const NOT_RUN: Readonly<Record<string, RegExp>> = {
  fused_prelu_layer: /PReLU/,
  lambda_between: /Lambda/,
};

test.each(goldenCases().map(({ name }) => name))(
  '%s is the same at the default tolerances with its batch norms folded and its ranges scaled',
  async (name) => {
    const original = await loadModel(goldenPath(name, 'input.h5'));
    const candidate = original.clone();
    await runPasses(candidate, referencePasses(['fold', 'scale']));
    const { verdict, reason, outputs } = await verify(original, candidate, {
      runner,
      inputs: seededInputs(original),
    });
    closeModel(original);
    if (name in NOT_RUN) {
      expect({ verdict, reason }).toEqual({
        verdict: 'not-verified',
        reason: expect.stringMatching(NOT_RUN[name] as RegExp),
      });
    } else {
      expect(verdict, reason ?? '').toBe('same');
      // The margin that docs/verification.md speaks of: these networks stay ten times below the tolerance.
      expect(Math.max(...outputs.map(({ maxRelative }) => maxRelative))).toBeLessThan(1e-5);
    }
  },
);
