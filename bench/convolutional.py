"""Convolutional networks of published shapes, for images of 224 x 224."""
from builder import Builder


def resnet18(path):
    b = Builder()
    x = b.max_pool(b.relu(b.conv_norm("image", 3, 64, 7, 2)), 3, 2, 1)
    channels = 64
    for width, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                          (512, 1)]:
        y = b.relu(b.conv_norm(x, channels, width, 3, stride))
        y = b.conv_norm(y, width, width, 3)
        if stride != 1 or channels != width:
            x = b.conv_norm(x, channels, width, 1, stride)
        x = b.relu(b.op("Add", y, x))
        channels = width
    b.save_image_model(path, b.classifier(x, 512))


def resnet50(path):
    """The variant that is called v1.5: the stride is that of the 3 x 3 convolution."""
    b = Builder()
    x = b.max_pool(b.relu(b.conv_norm("image", 3, 64, 7, 2)), 3, 2, 1)
    channels = 64
    for width, blocks, first_stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            y = b.relu(b.conv_norm(x, channels, width, 1))
            y = b.relu(b.conv_norm(y, width, width, 3, stride))
            y = b.conv_norm(y, width, 4 * width, 1)
            if block == 0:
                x = b.conv_norm(x, channels, 4 * width, 1, stride)
            x = b.relu(b.op("Add", y, x))
            channels = 4 * width
    b.save_image_model(path, b.classifier(x, 2048))


def mobilenet_v2(path):
    b = Builder()
    low, high = b.scalar(0), b.scalar(6)

    def relu6(x):
        return b.op("Clip", x, low, high)

    x = relu6(b.conv_norm("image", 3, 32, 3, 2))
    channels = 32
    for expand, width, blocks, first_stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2),
                                                (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                                                (6, 320, 1, 1)]:
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            inner = channels * expand
            y = x if expand == 1 else relu6(b.conv_norm(x, channels, inner, 1))
            y = relu6(b.conv_norm(y, inner, inner, 3, stride, group=inner))
            y = b.conv_norm(y, inner, width, 1)
            x = b.op("Add", x, y) if stride == 1 and channels == width else y
            channels = width
    x = relu6(b.conv_norm(x, channels, 1280, 1))
    b.save_image_model(path, b.classifier(x, 1280))


def local_norm(b, x):
    return b.op("LRN", x, size=5, alpha=1e-4, beta=0.75, bias=1.0)


def alexnet(path):
    b = Builder()
    x = b.max_pool(local_norm(b, b.relu(b.conv("image", 3, 96, 11, 4, 0, bias=True))))
    x = b.max_pool(local_norm(b, b.relu(b.conv(x, 96, 256, 5, group=2, bias=True))))
    x = b.relu(b.conv(x, 256, 384, 3, bias=True))
    x = b.relu(b.conv(x, 384, 384, 3, group=2, bias=True))
    x = b.max_pool(b.relu(b.conv(x, 384, 256, 3, group=2, bias=True)))
    x = b.op("Flatten", x)
    x = b.relu(b.dense(x, 256 * 6 * 6, 4096))
    x = b.relu(b.dense(x, 4096, 4096))
    b.save_image_model(path, b.op("Softmax", b.dense(x, 4096, 1000)), size=227)


def vgg19(path):
    b = Builder()
    x, channels = "image", 3
    for width, convolutions in [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)]:
        for _ in range(convolutions):
            x = b.relu(b.conv(x, channels, width, 3, bias=True))
            channels = width
        x = b.max_pool(x, 2, 2)
    x = b.relu(b.dense(b.op("Flatten", x), 512 * 7 * 7, 4096))
    x = b.relu(b.dense(x, 4096, 4096))
    b.save_image_model(path, b.op("Softmax", b.dense(x, 4096, 1000)))


def squeezenet(path):
    """Version 1.0."""
    b = Builder()

    def fire(x, cin, squeeze, expand):
        x = b.relu(b.conv(x, cin, squeeze, 1, bias=True))
        return b.op("Concat", b.relu(b.conv(x, squeeze, expand, 1, bias=True)),
                    b.relu(b.conv(x, squeeze, expand, 3, bias=True)), axis=1)

    x = b.max_pool(b.relu(b.conv("image", 3, 96, 7, 2, 0, bias=True)), ceil=1)
    x = fire(fire(fire(x, 96, 16, 64), 128, 16, 64), 128, 32, 128)
    x = b.max_pool(x, ceil=1)
    x = fire(fire(fire(fire(x, 256, 32, 128), 256, 48, 192), 384, 48, 192), 384, 64, 256)
    x = fire(b.max_pool(x, ceil=1), 512, 64, 256)
    x = b.relu(b.conv(x, 512, 1000, 1, bias=True))
    x = b.op("Flatten", b.op("GlobalAveragePool", x))
    b.save_image_model(path, b.op("Softmax", x))


def densenet121(path, growth=32):
    b = Builder()
    x = b.max_pool(b.relu(b.conv_norm("image", 3, 64, 7, 2)), 3, 2, 1)
    channels = 64
    for blocks in (6, 12, 24, 16):
        for _ in range(blocks):
            y = b.conv(b.relu(b.batch_norm(x, channels)), channels, 4 * growth, 1)
            y = b.conv(b.relu(b.batch_norm(y, 4 * growth)), 4 * growth, growth, 3)
            x = b.op("Concat", x, y, axis=1)
            channels += growth
        if blocks != 16:
            x = b.conv(b.relu(b.batch_norm(x, channels)), channels, channels // 2, 1)
            channels //= 2
            x = b.average_pool(x, 2, 2)
    b.save_image_model(path, b.classifier(b.relu(b.batch_norm(x, channels)), channels))


def inception_v1(path):
    b = Builder()

    def conv(x, cin, cout, size, stride=1):
        return b.relu(b.conv(x, cin, cout, size, stride, bias=True))

    def inception(x, cin, c1, r3, c3, r5, c5, pool):
        return b.op("Concat", conv(x, cin, c1, 1), conv(conv(x, cin, r3, 1), r3, c3, 3),
                    conv(conv(x, cin, r5, 1), r5, c5, 5),
                    conv(b.max_pool(x, 3, 1, 1), cin, pool, 1), axis=1)

    x = local_norm(b, b.max_pool(conv("image", 3, 64, 7, 2), ceil=1))
    x = b.max_pool(local_norm(b, conv(conv(x, 64, 64, 1), 64, 192, 3)), ceil=1)
    x = inception(x, 192, 64, 96, 128, 16, 32, 32)
    x = b.max_pool(inception(x, 256, 128, 128, 192, 32, 96, 64), ceil=1)
    x = inception(x, 480, 192, 96, 208, 16, 48, 64)
    x = inception(x, 512, 160, 112, 224, 24, 64, 64)
    x = inception(x, 512, 128, 128, 256, 24, 64, 64)
    x = inception(x, 512, 112, 144, 288, 32, 64, 64)
    x = b.max_pool(inception(x, 528, 256, 160, 320, 32, 128, 128), ceil=1)
    x = inception(x, 832, 256, 160, 320, 32, 128, 128)
    x = inception(x, 832, 384, 192, 384, 48, 128, 128)
    b.save_image_model(path, b.op("Softmax", b.classifier(x, 1024)))


def inception_v2(path):
    """With batch normalization; 5 x 5 convolutions are two of 3 x 3."""
    b = Builder()

    def conv(x, cin, cout, size, stride=1):
        return b.relu(b.conv_norm(x, cin, cout, size, stride))

    def inception(x, cin, c1, r3, c3, rd, cd, pool, pool_kind="average"):
        stride = 1 if c1 else 2
        branches = [conv(x, cin, c1, 1)] if c1 else []
        branches.append(conv(conv(x, cin, r3, 1), r3, c3, 3, stride))
        branches.append(conv(conv(conv(x, cin, rd, 1), rd, cd, 3), cd, cd, 3, stride))
        if not c1:
            branches.append(b.max_pool(x, 3, 2, 1))
        else:
            y = b.average_pool(x, 3, 1, 1) if pool_kind == "average" else b.max_pool(x, 3, 1, 1)
            branches.append(conv(y, cin, pool, 1))
        return b.op("Concat", *branches, axis=1)

    x = b.max_pool(conv("image", 3, 64, 7, 2), 3, 2, 1)
    x = b.max_pool(conv(conv(x, 64, 64, 1), 64, 192, 3), 3, 2, 1)
    x = inception(x, 192, 64, 64, 64, 64, 96, 32)
    x = inception(x, 256, 64, 64, 96, 64, 96, 64)
    x = inception(x, 320, 0, 128, 160, 64, 96, 0)
    x = inception(x, 576, 224, 64, 96, 96, 128, 128)
    x = inception(x, 576, 192, 96, 128, 96, 128, 128)
    x = inception(x, 576, 160, 128, 160, 128, 160, 96)
    x = inception(x, 576, 96, 128, 192, 160, 192, 96)
    x = inception(x, 576, 0, 128, 192, 192, 256, 0)
    x = inception(x, 1024, 352, 192, 320, 160, 224, 128)
    x = inception(x, 1024, 352, 192, 320, 192, 224, 128, "max")
    b.save_image_model(path, b.classifier(x, 1024))


def shufflenet(path, groups=3):
    """Version 1, three groups."""
    b = Builder()

    def shuffle(x, channels, size):
        x = b.op("Reshape", x, b.integers(1, groups, channels // groups, size, size))
        x = b.op("Transpose", x, perm=[0, 2, 1, 3, 4])
        return b.op("Reshape", x, b.integers(1, channels, size, size))

    def unit(x, cin, cout, stride, first_groups, size):
        inner = cout // 4
        made = cout - cin if stride == 2 else cout
        y = b.relu(b.conv_norm(x, cin, inner, 1, group=first_groups))
        y = shuffle(y, inner, size * stride)
        y = b.conv_norm(y, inner, inner, 3, stride, group=inner)
        y = b.conv_norm(y, inner, made, 1, group=groups)
        if stride == 1:
            return b.relu(b.op("Add", x, y))
        return b.relu(b.op("Concat", b.average_pool(x, 3, 2, 1), y, axis=1))

    x = b.max_pool(b.relu(b.conv_norm("image", 3, 24, 3, 2)), 3, 2, 1)
    channels, size = 24, 28
    for width, units in ((240, 4), (480, 8), (960, 4)):
        for i in range(units):
            first = channels == 24
            x = unit(x, channels, width, 2 if i == 0 else 1, 1 if first else groups, size)
            channels = width
        size //= 2
    b.save_image_model(path, b.op("Softmax", b.classifier(x, 960)))
