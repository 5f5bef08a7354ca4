"""Models with a branch for each kind of operator, each with an output of its own."""

from keras_models import SEED, keras, np

SHAPE = (18, 18, 4)
L = keras.layers

# By the name of the output: the layers behind the input.
BRANCHES = {
    "conv_relu6": lambda: [L.Conv2D(6, 3, activation="relu6")],
    "conv_same_strides": lambda: [L.Conv2D(6, 3, strides=2, padding="same", activation="relu")],
    "conv_dilated": lambda: [L.Conv2D(6, 3, dilation_rate=4, padding="same")],
    "conv_strides_4": lambda: [L.Conv2D(6, 5, strides=4)],
    "conv_same_strides_4": lambda: [L.Conv2D(6, 5, strides=4, padding="same")],
    "conv_grouped": lambda: [L.Conv2D(6, 3, groups=2)],
    "conv_first": lambda: [L.Permute((3, 1, 2)), L.Conv2D(6, 3, data_format="channels_first")],
    "depthwise": lambda: [L.DepthwiseConv2D(3, padding="same")],
    "depthwise_multiplied": lambda: [L.DepthwiseConv2D(3, depth_multiplier=2)],
    "depthwise_strides_4": lambda: [L.DepthwiseConv2D(5, strides=4)],
    "separable": lambda: [L.SeparableConv2D(5, 3, activation="relu")],
    "transposed": lambda: [L.Conv2DTranspose(5, 3, strides=2)],
    "transposed_same": lambda: [L.Conv2DTranspose(5, 3, strides=2, padding="same")],
    "transposed_strides_3": lambda: [L.Conv2DTranspose(5, 3, strides=3)],
    "transposed_output_padding": lambda: [L.Conv2DTranspose(5, 3, strides=2, output_padding=1)],
    "transposed1d": lambda: [L.Reshape((-1, 4)), L.Conv1DTranspose(5, 3, strides=2)],
    "transposed_stride_1": lambda: [L.Conv2DTranspose(5, 3)],
    "conv1d": lambda: [L.Reshape((-1, 4)), L.Conv1D(5, 3, padding="causal", dilation_rate=2)],
    "dense": lambda: [L.Dense(7)],
    "softmax": lambda: [L.GlobalAveragePooling2D(), L.Dense(7), L.Softmax()],
    "batch_norm": lambda: [L.BatchNormalization(beta_initializer="random_normal")],
    "rescaled": lambda: [L.Rescaling(0.5, offset=-1)],
    "relu": lambda: [L.ReLU()],
    "relu6": lambda: [L.ReLU(6)],
    "leaky": lambda: [L.LeakyReLU(negative_slope=0.2)],
    "prelu": lambda: [L.PReLU(alpha_initializer="uniform", shared_axes=[1, 2])],
    "elu": lambda: [L.ELU()],
    "sigmoid": lambda: [L.Activation("sigmoid")],
    "tanh": lambda: [L.Activation("tanh")],
    "swish": lambda: [L.Activation("silu")],
    "hard_sigmoid": lambda: [L.Activation("hard_sigmoid")],
    "hard_swish": lambda: [L.Activation("hard_silu")],
    "max_pool": lambda: [L.MaxPooling2D(3, strides=2, padding="same")],
    "average_pool": lambda: [L.AveragePooling2D(3, strides=2, padding="same")],
    "average_pool_of_9": lambda: [L.AveragePooling2D(9, strides=3, padding="same")],
    "average_pool_valid": lambda: [L.AveragePooling2D(9)],
    "global_max": lambda: [L.GlobalMaxPooling2D()],
    "mean": lambda: [L.GlobalAveragePooling2D()],
    "mean_of_channels": lambda: [L.GlobalAveragePooling2D(data_format="channels_first")],
    "mean_kept": lambda: [L.GlobalAveragePooling2D(keepdims=True)],
    "padded": lambda: [L.ZeroPadding2D(((1, 2), (0, 1)))],
    "padded1d": lambda: [L.Reshape((-1, 4)), L.ZeroPadding1D(2)],
    "cropped": lambda: [L.Cropping2D(((1, 2), (0, 1)))],
    "nearest_2": lambda: [L.UpSampling2D(2)],
    "nearest_3": lambda: [L.UpSampling2D(3)],
    "nearest_2_4": lambda: [L.UpSampling2D((2, 4))],
    "nearest1d": lambda: [L.Reshape((-1, 4)), L.UpSampling1D(2)],
    "bilinear_2": lambda: [L.UpSampling2D(2, interpolation="bilinear")],
    "bilinear_4": lambda: [L.UpSampling2D(4, interpolation="bilinear")],
    "flat": lambda: [L.Flatten()],
    "permuted": lambda: [L.Permute((3, 1, 2))],
    "rank_5": lambda: [L.Reshape((18, 9, 2, 4)), L.Permute((3, 1, 2, 4))],
}

# Of the input and a convolution of it.
MERGES = {
    "add": lambda: [L.Add(), L.ReLU()],
    "subtract": lambda: [L.Subtract()],
    "multiply": lambda: [L.Multiply()],
    "average": lambda: [L.Average()],
    "maximum": lambda: [L.Maximum()],
    "minimum": lambda: [L.Minimum()],
    "concatenate": lambda: [L.Concatenate()],
}


def operator_model():
    """A model of all of them, with seeded weights."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    picture = keras.Input(SHAPE, name="picture")
    other = L.Conv2D(SHAPE[-1], 1, name="other")(picture)
    outputs = [through(layers(), picture, name) for name, layers in BRANCHES.items()]
    outputs += [through(layers(), [picture, other], name) for name, layers in MERGES.items()]
    model = keras.Model(picture, outputs, name="operators")
    rng = np.random.default_rng(SEED)
    for layer in model.layers:
        if getattr(layer, "use_bias", False):
            *kernels, bias = layer.get_weights()
            layer.set_weights([*kernels, rng.normal(0, 0.1, bias.shape)])
    return model


def through(layers, tensor, name):
    """What the layers make of it; the last has the name."""
    for index, layer in enumerate(layers):
        layer.name = name if index == len(layers) - 1 else f"{name}_{index}"
        tensor = layer(tensor)
    return tensor
