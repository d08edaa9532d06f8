#include <cstdio>
#include <cstdlib>

#include "core/autograd.h"
#include "core/ops/cross_entropy.h"
#include "core/optim/sgd.h"
#include "data/loader.h"
#include "init/schemes.h"
#include "layers/layers.h"

using namespace fanin;

int main(int argc, char** argv) {
  const Dim steps = argc > 1 ? std::atol(argv[1]) : 500;
  Sequential net(Conv2d(3, 32, {.kernel = 3, .padding = 1}), BatchNorm2d(32), ReLU(), MaxPool2d({.kernel = 2}),
                 Conv2d(32, 64, {.kernel = 3, .padding = 1}), BatchNorm2d(64), ReLU(), MaxPool2d({.kernel = 2}),
                 Conv2d(64, 64, {.kernel = 3, .padding = 1}), BatchNorm2d(64), ReLU(), AdaptiveAvgPool2d(1), Flatten(),
                 Linear(64, 10));
  Generator generator(2024);
  const auto he = [&](Tensor& weight) { kaiming_normal(weight, generator, {.nonlinearity = "relu"}); };
  apply(
      net, [&](Conv2d& conv) { he(conv.weight), zeros(conv.bias); },
      [&](BatchNorm2d& norm) { ones(norm.weight), zeros(norm.bias); },
      [&](Linear& linear) { he(linear.weight), zeros(linear.bias); });

  Sgd sgd(parameters(net), {.lr = 0.1, .momentum = 0.9, .weight_decay = 5e-4});
  Loader loader(open_dataset("shapes", Split::train), {.batch_size = 64, .shuffle = true});
  for (Dim step = 0; step < steps;) {
    for (const Batch& batch : loader.epoch(step / loader.batches())) {
      const Tensor loss = cross_entropy(net(batch.images), batch.labels);
      sgd.zero_grad();
      backward(loss);
      sgd.step();
      if (++step % 50 == 0) std::printf("step %ld   loss %.3f\n", step, loss.item());
      if (step == steps) break;
    }
  }
}
