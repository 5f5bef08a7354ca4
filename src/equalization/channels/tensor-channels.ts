import type { GraphTensor } from '../../model/graph.ts';
import type { RegionBorder } from '../../model/skip-reason.ts';
import { ChannelClasses } from './channel-classes.ts';

/** The channels of a tensor and the axis that they lie on. */
export interface Channels {
  /** With the batch counted. */
  readonly axis: number;
  /** Number of dimensions, the batch among them. */
  readonly rank: number;
  /** The class of each channel. */
  readonly classes: Int32Array;
}

/** The channels of the tensors of a graph, as far as they are known by now. */
export class TensorChannels {
  readonly classes: ChannelClasses<RegionBorder> = new ChannelClasses();
  readonly #known = new Map<GraphTensor, Channels>();
  /** Tensors that were closed before anybody knew their channels. */
  readonly #closed = new Map<GraphTensor, RegionBorder>();

  /** What is known of a tensor. */
  of(tensor: GraphTensor | undefined): Channels | undefined {
    return tensor && this.#known.get(tensor);
  }

  /** Says what the channels of a tensor are. */
  set(tensor: GraphTensor, channels: Channels): void {
    this.#known.set(tensor, channels);
    const closing = this.#closed.get(tensor);
    if (closing) this.classes.close(channels.classes, closing);
  }

  /**
   * Says that a layer reads these channels of a tensor; returns whether they are the same, channel by channel, as what is
   * known of it.
   */
  join(tensor: GraphTensor, channels: Channels): boolean {
    const known = this.#known.get(tensor);
    if (!known) {
      this.set(tensor, channels);
      return true;
    }
    if (known.axis !== channels.axis || known.classes.length !== channels.classes.length) return false;
    this.classes.joinAll(known.classes, channels.classes);
    return true;
  }

  /** Closes all channels of a tensor, now or when they get known. */
  close(tensor: GraphTensor, closing: RegionBorder): void {
    const known = this.#known.get(tensor);
    if (known) {
      this.classes.close(known.classes, closing);
      return;
    }
    if (!this.#closed.has(tensor)) this.#closed.set(tensor, closing);
    const guess = likelyAxis(tensor);
    if (guess) this.set(tensor, { ...guess, classes: this.classes.add(guess.count) });
  }
}

/**
 * The axis of channels that nobody has asked for yet: the last, unless a layer that reads them has its channels first. They
 * are closed, so a wrong guess closes more of what reads them, and nothing else.
 */
function likelyAxis({
  shape,
  consumers,
}: GraphTensor): { axis: number; rank: number; count: number } | undefined {
  if (!shape) return undefined;
  const isFirst = consumers.some(
    ({ layer }) => 'dataFormat' in layer.operation && layer.operation.dataFormat === 'channels_first',
  );
  const axis = isFirst ? 1 : shape.length - 1;
  const count = shape[axis];
  return typeof count === 'number' && axis >= 1 ? { axis, rank: shape.length, count } : undefined;
}
