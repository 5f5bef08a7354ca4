import type { GraphTensor } from '../../model/graph.ts';
import type { RegionBorder } from '../../model/skip-reason.ts';
import { ChannelClasses } from './channel-classes.ts';

/** The classes of the channels of the tensors of a graph, as far as they are known by now. */
export class TensorChannels {
  readonly classes: ChannelClasses<RegionBorder> = new ChannelClasses();
  readonly #known = new Map<GraphTensor, Int32Array>();
  /** Tensors that were closed before anybody knew their channels. */
  readonly #closed = new Map<GraphTensor, RegionBorder>();

  /** The class of each channel of a tensor; undefined where they are not known. */
  of(tensor: GraphTensor | undefined): Int32Array | undefined {
    return tensor && this.#known.get(tensor);
  }

  /** Says what the channels of a tensor are. */
  set(tensor: GraphTensor, channels: Int32Array): void {
    this.#known.set(tensor, channels);
    const closing = this.#closed.get(tensor);
    if (closing) this.classes.close(channels, closing);
  }

  /** Says that a layer reads these channels of a tensor; returns whether it has as many. */
  join(tensor: GraphTensor, channels: Int32Array): boolean {
    const known = this.#known.get(tensor);
    if (!known) {
      this.set(tensor, channels);
      return true;
    }
    if (known.length !== channels.length) return false;
    this.classes.joinAll(known, channels);
    return true;
  }

  /** Closes all channels of a tensor, now or when they get known. */
  close(tensor: GraphTensor, closing: RegionBorder): void {
    const known = this.#known.get(tensor);
    if (known) {
      this.classes.close(known, closing);
      return;
    }
    if (!this.#closed.has(tensor)) this.#closed.set(tensor, closing);
    if (tensor.channels !== undefined) this.set(tensor, this.classes.add(tensor.channels));
  }
}
