#include "tools/workload.h"

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/ops/cross_entropy.h"
#include "core/optim/sgd.h"
#include "init/rules.h"
#include "layers/dropout.h"
#include "layers/fold_batch_norm.h"
#include "tools/options.h"

namespace fanin {

Workload::Workload(const Choice& choice) : training_(choice.training), net_(choice.model.build()) {
  Generator generator(choice.seed);
  initialise(*net_, parse_rules(choice.model.info->rules), generator);
  to(*net_, choice.dtype);
  const Dim classes = parse_integer("model-arg classes", choice.model.arguments.find("classes")->second);
  batch_ = noise_batch(choice.images, classes, choice.dtype, choice.seed);
  if (training_) {
    optimizer_ = std::make_unique<Sgd>(parameters(*net_),
                                       SgdOptions{.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
    return;
  }
  net_->eval();
  if (choice.dtype == DType::f64 || choice.images.rank() != 4) return;  // clips: nothing is folded in 3-D
  const Shape image{choice.images[1], choice.images[2], choice.images[3]};
  if (auto folded = fold_batch_norm(*net_, image, autocast_enabled() ? DType::bf16 : choice.dtype))
    net_ = std::move(folded);
}

void Workload::run(Profile* profile) {
  if (!training_) {
    const NoGrad off;
    enter(profile, Phase::forward);
    (*net_)(batch_.images);
    return;
  }
  const DropoutScope dropout(0, 0);
  optimizer_->zero_grad();
  enter(profile, Phase::forward);
  const Tensor loss = cross_entropy((*net_)(batch_.images), batch_.labels);
  enter(profile, Phase::backward);
  backward(loss);
  enter(profile, Phase::optimiser);
  optimizer_->step();
}

}  // namespace fanin
