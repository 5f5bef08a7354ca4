/** Why channels keep their scale: what stands at the border of their region. */
export type Closing =
  | { readonly kind: 'model-input'; readonly path: string }
  | { readonly kind: 'model-output'; readonly path: string }
  /** An activation that a factor changes. */
  | { readonly kind: 'activation'; readonly path: string; readonly activation: string }
  /** A layer that is not known, or through which a factor does not go. */
  | { readonly kind: 'layer'; readonly path: string; readonly className: string }
  /** A weight that cannot be scaled. */
  | { readonly kind: 'weights'; readonly path: string; readonly where: string }
  /** The channels of what meets there lie on different axes, or their number is not known. */
  | { readonly kind: 'layout'; readonly path: string }
  /** A batch norm without gamma, which has no place for a factor. */
  | { readonly kind: 'no-gamma'; readonly path: string }
  /** A call in training mode, with the statistics of the batch. */
  | { readonly kind: 'training-mode'; readonly path: string };

/** The border in words, behind "because" or "the region ends at". */
export function describeClosing(closing: Closing): string {
  const { path } = closing;
  switch (closing.kind) {
    case 'model-input':
      return `${path}, an input of the model`;
    case 'model-output':
      return `the output of ${path}, which is the model's`;
    case 'activation':
      return `${closing.activation} in ${path}, which a factor changes`;
    case 'layer':
      return `${path} (${closing.className}), through which a factor does not go`;
    case 'weights':
      return `${path}, whose ${closing.where} cannot be scaled`;
    case 'layout':
      return `${path}, where channels lie on different axes or their number is not known`;
    case 'no-gamma':
      return `${path}, a batch norm without gamma to take the factor`;
    case 'training-mode':
      return `${path}, which is called in training mode`;
  }
}
