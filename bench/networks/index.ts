import { efficientnetB0 } from './efficientnet-b0.ts';
import { mobilenetV2 } from './mobilenet-v2.ts';
import type { Network } from './network-builder.ts';
import { resnet, resnet50 } from './resnet50.ts';
import { thirtyConvs } from './thirty-convs.ts';
import { vgg16 } from './vgg16.ts';

/** A network of the bench. */
export interface BenchNetwork {
  readonly title: string;
  /** Its number of parameters, which `keras.applications` states: a check of the topology. */
  readonly parameters: number;
  readonly make: () => Network;
}

/** The published networks, by the names of their files. */
export const NETWORKS: Readonly<Record<string, BenchNetwork>> = {
  resnet50: { title: 'ResNet50', parameters: 25_636_712, make: resnet50 },
  'mobilenet-v2': { title: 'MobileNetV2', parameters: 3_538_984, make: mobilenetV2 },
  vgg16: { title: 'VGG16', parameters: 138_357_544, make: vgg16 },
  'efficientnet-b0': { title: 'EfficientNetB0', parameters: 5_330_571, make: efficientnetB0 },
};

/** One that is far larger than its largest layer. */
export const THIRTY_CONVS: BenchNetwork = {
  title: '30 convolutions',
  parameters: 30 * (9 * 1140 * 1140 + 1140),
  make: thirtyConvs,
};

/** A ResNet whose file is as large as what the page was first measured with. */
export const RESNET_310_MB: BenchNetwork = {
  title: 'ResNet of 310 MB',
  parameters: 77_239_144,
  make: () => resnet('resnet_310_mb', [3, 4, 52, 3]),
};
