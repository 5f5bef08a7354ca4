"""Networks as people write them, each small, in the spelling of the Keras of this environment: operators, calls and layers that
are not in `keras.applications`."""

from keras_models import keras, tf

K3 = keras.__version__.startswith("3")
L = keras.layers
CLASSES = 10
PICTURE = (32, 32, 3)
# By name: what makes it, and how large its inputs are.
NETWORKS = {}

relu, relu6, absolute = (
    (keras.ops.relu, keras.ops.relu6, keras.ops.abs) if K3 else (tf.nn.relu, tf.nn.relu6, tf.abs)
)


def network(largest=1):
    def registered(make):
        NETWORKS[make.__name__] = (make, largest)
        return make

    return registered


def conv(x, filters, size=3, strides=1, activation="relu", name=None):
    x = L.Conv2D(filters, size, strides=strides, padding="same", use_bias=False, name=name)(x)
    x = L.BatchNormalization(name=name and f"{name}_bn")(x)
    return L.Activation(activation)(x) if activation else x


def depthwise(x, size=3, strides=1, activation="relu"):
    x = L.DepthwiseConv2D(size, strides=strides, padding="same", use_bias=False)(x)
    x = L.BatchNormalization()(x)
    return L.Activation(activation)(x) if activation else x


def classified(x, name, inputs):
    x = L.Dropout(0.2)(L.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, L.Dense(CLASSES, name="logits")(x), name=name)


@network()
def unet():
    """Two levels, one brought up by a transposed convolution and one by bilinear upsampling; a mask."""
    image = L.Input(PICTURE, name="image")
    top = conv(conv(image, 8), 8)
    middle = conv(conv(L.MaxPooling2D(2)(top), 16), 16)
    x = conv(conv(L.MaxPooling2D(2)(middle), 32), 32)
    x = L.Conv2DTranspose(16, 2, strides=2, padding="same")(x)
    x = conv(conv(L.Concatenate()([middle, x]), 16), 16)
    x = L.UpSampling2D(2, interpolation="bilinear")(x)
    x = conv(conv(L.Concatenate()([top, x]), 8), 8)
    return keras.Model(image, L.Conv2D(1, 1, activation="sigmoid", name="mask")(x), name="unet")


@network()
def ssd():
    """Separable layers with ReLU6, and heads for classes and boxes on three feature maps."""
    image = L.Input((64, 64, 3), name="image")
    x = conv(image, 8, strides=2, activation="relu6" if K3 else relu6)
    maps = []
    for filters in [16, 24, 32]:
        x = L.ReLU(6.0)(depthwise(x, strides=2, activation=None))
        x = L.ReLU(6.0)(conv(x, filters, 1, activation=None))
        maps.append(x)
    anchors = 3
    classes = [L.Reshape((-1, CLASSES))(L.Conv2D(anchors * CLASSES, 3, padding="same")(x)) for x in maps]
    boxes = [L.Reshape((-1, 4))(L.Conv2D(anchors * 4, 3, padding="same")(x)) for x in maps]
    scores = L.Softmax(name="scores")(L.Concatenate(axis=1)(classes))
    return keras.Model(image, [scores, L.Concatenate(axis=1, name="boxes")(boxes)], name="ssd")


@network()
def keywords_conv1d():
    """A DS-CNN on 49 frames of 10 coefficients."""
    frames = L.Input((49, 10), name="frames")
    x = L.Conv1D(16, 5, padding="causal", use_bias=False)(frames)
    x = L.ReLU()(L.BatchNormalization()(x))
    for filters in [16, 24]:
        x = L.DepthwiseConv1D(3, padding="same", use_bias=False)(x)
        x = L.ReLU()(L.BatchNormalization()(x))
        x = L.Conv1D(filters, 1, use_bias=False)(x)
        x = L.ReLU()(L.BatchNormalization()(x))
    x = L.GlobalAveragePooling1D()(L.MaxPooling1D(2)(x))
    return keras.Model(frames, L.Dense(CLASSES, activation="softmax")(x), name="keywords_conv1d")


@network()
def keywords_gru():
    frames = L.Input((49, 10), name="frames")
    x = L.Conv1D(16, 5, strides=2, padding="causal")(frames)
    x = L.ReLU()(L.BatchNormalization()(x))
    x = L.ReLU()(L.BatchNormalization()(L.SeparableConv1D(24, 3, padding="same", use_bias=False)(x)))
    x = L.GRU(16)(x)
    return keras.Model(frames, L.Dense(CLASSES, activation="softmax")(x), name="keywords_gru")


@network()
def siamese():
    """An encoder for two pictures, and how far apart they are."""
    image = L.Input(PICTURE, name="image")
    x = conv(conv(conv(image, 8, strides=2), 16, strides=2), 16)
    encoder = keras.Model(image, L.Dense(16)(L.GlobalAveragePooling2D()(x)), name="encoder")
    one, other = L.Input(PICTURE, name="one"), L.Input(PICTURE, name="other")
    distance = absolute(encoder(one) - encoder(other))
    return keras.Model([one, other], L.Dense(1, activation="sigmoid", name="same")(distance), name="siamese")


@network()
def time_distributed():
    """A CNN for each of five frames, and what they say together."""
    image = L.Input(PICTURE, name="image")
    x = conv(conv(image, 8, strides=2), 16, strides=2)
    cnn = keras.Model(image, L.GlobalAveragePooling2D()(x), name="cnn")
    frames = L.Input((5, *PICTURE), name="frames")
    x = L.LSTM(16)(L.TimeDistributed(cnn)(frames))
    return keras.Model(frames, L.Dense(CLASSES, activation="softmax")(x), name="time_distributed")


@network()
def resnet_operators():
    """Its shortcuts are `+`, its ReLUs are functions."""
    image = L.Input(PICTURE, name="image")
    x = relu(conv(image, 8, activation=None))
    for filters, strides in [(8, 1), (16, 2), (16, 1), (32, 2)]:
        y = relu(conv(x, filters, strides=strides, activation=None))
        y = conv(y, filters, activation=None)
        if filters != x.shape[-1]:
            x = conv(x, filters, 1, strides=strides, activation=None)
        x = relu(x + y)
    return classified(x, "resnet_operators", image)


@network(255)
def mobilenetv3_operators():
    """Hard-swish and squeeze-and-excite by operators, as in code that came from PyTorch."""

    def hard_sigmoid(x):
        return relu6(x + 3.0) / 6.0

    def hard_swish(x):
        return x * hard_sigmoid(x)

    image = L.Input(PICTURE, name="image")
    x = hard_swish(conv(image / 127.5 - 1.0, 16, strides=2, activation=None))
    for filters, strides, activation in [(16, 2, relu), (24, 2, hard_swish), (24, 1, hard_swish)]:
        y = activation(conv(x, 48, 1, activation=None))
        y = activation(depthwise(y, 5, strides, activation=None))
        gate = L.GlobalAveragePooling2D(keepdims=True)(y)
        gate = hard_sigmoid(L.Conv2D(48, 1)(relu(L.Conv2D(12, 1)(gate))))
        y = conv(y * gate, filters, 1, activation=None)
        x = x + y if strides == 1 else y
    return classified(hard_swish(conv(x, 64, 1, activation=None)), "mobilenetv3_operators", image)


@network(255)
def efficientnet_preprocessing():
    """Augmentation, Rescaling and Normalization in front of inverted bottlenecks with squeeze-and-excite."""
    image = L.Input(PICTURE, name="image")
    x = L.RandomRotation(0.1)(L.RandomFlip("horizontal")(image))
    x = L.Normalization(name="normalization")(L.Rescaling(1 / 255)(x))
    x = conv(x, 16, strides=2, activation="swish")
    for filters, strides in [(16, 1), (24, 2), (24, 1)]:
        y = conv(x, 64, 1, activation="swish")
        y = depthwise(y, 3, strides, activation="swish")
        gate = L.Reshape((1, 1, 64))(L.GlobalAveragePooling2D()(y))
        gate = L.Conv2D(64, 1, activation="sigmoid")(L.Conv2D(4, 1, activation="swish")(gate))
        y = conv(L.Multiply()([y, gate]), filters, 1, activation=None)
        x = L.Add()([x, L.Dropout(0.2, noise_shape=(None, 1, 1, 1))(y)]) if filters == x.shape[-1] else y
    return classified(conv(x, 64, 1, activation="swish"), "efficientnet_preprocessing", image)


@network()
def transformer():
    """Patches of a picture through two blocks with attention."""
    image = L.Input(PICTURE, name="image")
    x = L.Reshape((16, 32))(L.Conv2D(32, 8, strides=8)(image))
    for _ in range(2):
        y = L.LayerNormalization(epsilon=1e-6)(x)
        x = L.Add()([x, L.MultiHeadAttention(4, 8)(y, y)])
        y = L.LayerNormalization(epsilon=1e-6)(x)
        y = L.Dense(32)(L.Dense(64, activation="gelu")(y))
        x = L.Add()([x, y])
    x = L.GlobalAveragePooling1D()(L.LayerNormalization(epsilon=1e-6)(x))
    return keras.Model(image, L.Dense(CLASSES)(x), name="transformer")
