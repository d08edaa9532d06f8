#include "tools/optimizer.h"

#include "core/optim/adam.h"
#include "core/optim/sgd.h"

namespace fanin {

std::unique_ptr<Optimizer> make_optimizer(const TrainArguments& a, Module& net) {
  StateDict trained = parameters(net);
  check(!trained.empty(), "every parameter is frozen: there is nothing to train");
  if (a.opt == "sgd")
    return std::make_unique<Sgd>(
        std::move(trained),
        SgdOptions{.lr = a.lr, .momentum = a.momentum, .weight_decay = a.weight_decay, .nesterov = a.nesterov});
  return std::make_unique<Adam>(std::move(trained),
                                AdamOptions{.lr = a.lr, .weight_decay = a.weight_decay, .decoupled = a.opt == "adamw"});
}

int moments_kept(const TrainArguments& a) {
  if (a.opt != "sgd") return 2;
  return a.momentum > 0 ? 1 : 0;
}

}  // namespace fanin
