"""Whether a generator and a discriminator fit together."""


def check_counts(latent_dim, num_classes, discriminator_steps):
    counts = {
        "latent_dim": latent_dim,
        "num_classes": 1 if num_classes is None else num_classes,
        "discriminator_steps": discriminator_steps,
    }
    for name, count in counts.items():
        if count < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={count}"
            )


def check_networks(generator, discriminator, latent_dim, num_classes):
    of_labels = [] if num_classes is None else [()]
    z, *labels = shapes_of(generator.inputs)
    if z != (latent_dim,) or labels != of_labels:
        raise ValueError(
            f"`generator` must take {[(latent_dim,), *of_labels]}, without "
            f"the batch axis. Received: one that takes {[z, *labels]}"
        )
    made = shapes_of(generator.outputs)
    judged = shapes_of(discriminator.inputs)
    if made + of_labels != judged:
        raise ValueError(
            "`discriminator` must take what `generator` makes, "
            f"{made + of_labels}. Received: one that takes {judged}"
        )
    answers = shapes_of(discriminator.outputs)
    if answers != [(1,)]:
        raise ValueError(
            "`discriminator` must answer with one number an example, (batch, "
            f"1). Received: one that answers with {answers}"
        )


def shapes_of(tensors):
    return [tuple(tensor.shape[1:]) for tensor in tensors]


def check_labels(labels, num_classes):
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if len(wrong):
        raise ValueError(
            f"Labels must be integers from 0 to {num_classes - 1}. Received: "
            f"{wrong[0]}"
        )
