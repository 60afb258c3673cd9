# Makes explain-torch.json: python explain-torch.py > explain-torch.json (PyTorch 2, float64).
import json
import torch


def hashed(count, seed):
    out = []
    for i in range(count):
        word = ((i + 1) * 2654435761 + seed * 40503) & 0xFFFFFFFF
        word ^= word >> 13
        word = (word * 1597334677) & 0xFFFFFFFF
        out.append((word >> 8) / 2**23 - 1)
    return torch.tensor(out, dtype=torch.float64)


SIDE, CLASS = 10, 0
first = hashed(135, 1).reshape(3, 3, 3, 5).permute(3, 2, 0, 1)
second = 0.5 * hashed(270, 3).reshape(3, 3, 5, 6).permute(3, 2, 0, 1)
biases = 0.1 * hashed(5, 2), 0.1 * hashed(6, 4)
head, head_bias = hashed(24, 5).reshape(6, 4), hashed(4, 6)
picture = ((hashed(SIDE * SIDE * 3, 7) + 1) * 127.5).reshape(1, SIDE, SIDE, 3)


class Guided(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy.clamp(min=0) * (x > 0)


def forward(x, relu=torch.relu):
    y = x.permute(0, 3, 1, 2) / 127.5 - 1
    y = torch.nn.functional.max_pool2d(relu(torch.nn.functional.conv2d(y, first, biases[0], padding=1)), 2)
    maps = relu(torch.nn.functional.conv2d(y, second, biases[1], padding=1))
    return torch.sigmoid(maps.mean((2, 3))) @ head + head_bias, maps


def gradient(x, relu=torch.relu):
    x = x.clone().requires_grad_(True)
    logits, maps = forward(x, relu)
    maps.retain_grad()
    logits[0, CLASS].backward()
    return x.grad[0], maps.detach()[0], maps.grad[0]


out = {"logits": forward(picture)[0][0]}
pixels, maps, slope = gradient(picture)
weights = slope.mean((1, 2))
out["gradCam"] = torch.relu((weights[:, None, None] * maps).sum(0))
below = 2 * slope**2 + maps.sum((1, 2), keepdim=True) * slope**3
alpha = slope**2 / torch.where(below != 0, below, torch.ones_like(below))
weights = (alpha * torch.relu(slope)).sum((1, 2))
out["gradCamPlusPlus"] = torch.relu((weights[:, None, None] * maps).sum(0))
out["saliency"] = pixels.abs().sum(-1)
out["guided"] = gradient(picture, Guided.apply)[0].abs().sum(-1)
steps = 16
mean = sum(gradient(picture * ((i + 0.5) / steps))[0] for i in range(steps)) / steps
out["ig"] = (mean * picture[0]).sum(-1)
rows = [f'  "{name}": {json.dumps([float("%.6g" % v) for v in values.flatten()])}' for name, values in out.items()]
print("{\n" + ",\n".join(rows) + "\n}")
