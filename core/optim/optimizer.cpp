#include "core/optim/optimizer.h"

#include <algorithm>
#include <map>

#include "core/check.h"
#include "core/threads.h"

namespace fanin {

namespace {

void* offset(void* pointer, Dim elements, DType dtype) {
  return pointer == nullptr ? nullptr
                            : static_cast<std::byte*>(pointer) + static_cast<std::size_t>(elements) * size_of(dtype);
}

}  // namespace

Optimizer::Optimizer(StateDict parameters, double lr, std::vector<std::string_view> moments)
    : parameters_(std::move(parameters)), slots_(parameters_.size()), moment_names_(std::move(moments)), lr_(lr) {
  for (const auto& [name, tensor] : parameters_) {
    check<DTypeError>(tensor.dtype() == DType::f32 || tensor.dtype() == DType::f64, "optimizer: parameter '", name,
                      "' is ", tensor.dtype(), "; expected f32 or f64");
    check(tensor.layout().is_plain(), "optimizer: parameter '", name, "' must be plain, is ", tensor.layout());
  }
}

Optimizer::Stretch Optimizer::prepare(std::size_t index, const Tensor& gradient, double gradient_scale) {
  auto& [name, parameter] = parameters_[index];
  check(gradient.shape() == parameter.shape() && gradient.dtype() == parameter.dtype(), "optimizer: gradient of '",
        name, "' is ", gradient.dtype(), " ", gradient.shape(), ", the parameter ", parameter.dtype(), " ",
        parameter.shape());
  Slot& slot = slots_[index];
  ++slot.steps;
  Stretch stretch{parameter.dtype(), parameter.numel(), parameter.mutable_raw_bytes(), gradient.raw_bytes(), {},
                  gradient_scale,    slot.steps};
  for (std::size_t m = 0; m < moment_names_.size(); ++m) {
    if (!slot.moments[m].defined()) slot.moments[m] = Tensor::zeros(parameter.shape(), parameter.dtype());
    stretch.moments[m] = slot.moments[m].mutable_raw_bytes();
  }
  return stretch;
}

void Optimizer::step(double gradient_scale) {
  std::vector<Tensor> gradients;  // keeps plain copies alive during the pass
  std::vector<Stretch> stretches;
  std::vector<Dim> starts{0};
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor gradient = parameters_[i].second.grad();
    if (!gradient.defined()) continue;
    gradients.push_back(gradient.plain());
    stretches.push_back(prepare(i, gradients.back(), gradient_scale));
    starts.push_back(starts.back() + stretches.back().count);
  }
  parallel_for(starts.back(), Dim{1} << 15, [&](Dim begin, Dim end) {
    auto at = static_cast<std::size_t>(std::upper_bound(starts.begin(), starts.end(), begin) - starts.begin() - 1);
    for (; at < stretches.size() && starts[at] < end; ++at) {
      Stretch part = stretches[at];
      const Dim first = std::max(begin - starts[at], Dim{0});
      part.count = std::min(end - starts[at], part.count) - first;
      part.weight = offset(part.weight, first, part.dtype);
      part.gradient = offset(const_cast<void*>(part.gradient), first, part.dtype);
      for (void*& moment : part.moments) moment = offset(moment, first, part.dtype);
      update(part);
    }
  });
}

void Optimizer::zero_grad() {
  for (auto& [name, parameter] : parameters_) parameter.set_grad({});
}

StateDict Optimizer::state() const {
  StateDict state;
  std::vector<std::int64_t> steps;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    for (std::size_t m = 0; m < moment_names_.size(); ++m)
      if (slots_[i].moments[m].defined())
        state.emplace_back(text(moment_names_[m], ".", parameters_[i].first), slots_[i].moments[m]);
    steps.push_back(slots_[i].steps);
  }
  state.emplace_back("steps", Tensor::from(steps, {static_cast<Dim>(steps.size())}));
  return state;
}

void Optimizer::load_state(const StateDict& state) {
  std::map<std::string_view, const Tensor*> entries;
  for (const auto& [name, tensor] : state) entries.emplace(name, &tensor);
  const auto steps = entries.find("steps");
  check<StateDictError>(steps != entries.end() && steps->second->dtype() == DType::i64 &&
                            steps->second->numel() == static_cast<Dim>(slots_.size()),
                        "optimizer state: expected 'steps' with ", slots_.size(), " numbers, one a parameter");
  std::vector<Slot> loaded(slots_.size());
  std::size_t used = 1;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto& [parameter_name, parameter] = parameters_[i];
    loaded[i].steps = steps->second->data<std::int64_t>()[i];
    for (std::size_t m = 0; m < moment_names_.size() && loaded[i].steps > 0; ++m) {
      const std::string name = text(moment_names_[m], ".", parameter_name);
      const auto found = entries.find(name);
      check<StateDictError>(found != entries.end(), "optimizer state: '", name, "' is missing");
      const Tensor& value = *found->second;
      check<StateDictError>(value.shape() == parameter.shape() && value.dtype() == parameter.dtype(),
                            "optimizer state: '", name, "' is ", value.dtype(), " ", value.shape(), ", expected ",
                            parameter.dtype(), " ", parameter.shape());
      loaded[i].moments[m] = value.plain().clone();
      ++used;
    }
  }
  check<StateDictError>(used == entries.size(), "optimizer state: ", entries.size() - used,
                        " entries belong to no parameter");
  slots_ = std::move(loaded);
}

}  // namespace fanin
