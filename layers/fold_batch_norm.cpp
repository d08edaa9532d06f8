#include "layers/fold_batch_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/ops/adaptive_avg_pool2d.h"
#include "core/ops/add.h"
#include "core/ops/add_relu.h"
#include "core/ops/batch_norm2d/batch_norm2d.h"
#include "core/ops/linear.h"
#include "core/ops/pool2d/pool2d.h"
#include "core/ops/relu.h"
#include "core/ops/reshape.h"
#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/linear.h"

namespace fanin {

namespace {

using Step = FoldedNet::Step;

Tensor run_convolution(const Step& step, Tensors in) {
  return conv2d(in[0], step.weight, step.bias, step.options, in.size() > 1 ? std::move(in[1]) : Tensor());
}
Tensor run_linear(const Step& step, Tensors in) { return linear(in[0], step.weight, step.bias); }

const AttributeValue& attribute(const Op& op, std::string_view name) {
  const auto found = std::ranges::find(op.attributes, name, &Attributes::value_type::first);
  check<Error>(found != op.attributes.end(), op.name, ": its trace has no attribute '", name, "'");
  return found->second;
}

Size2 size_of(const Op& op, std::string_view name) {
  const auto& sizes = std::get<std::vector<Dim>>(attribute(op, name));
  return {sizes[0], sizes[1]};
}

Pool2dOptions pool_options(const Op& op) {
  return {.kernel = size_of(op, "kernel_size"),
          .stride = size_of(op, "stride"),
          .padding = size_of(op, "padding"),
          .ceil_mode = std::get<bool>(attribute(op, "ceil_mode")),
          .count_include_pad = std::get<bool>(attribute(op, "count_include_pad"))};
}

Step::Run run_sum(bool with_relu) {
  if (with_relu) return [](const Step&, const Tensors& in) { return add_relu(in[0], in[1]); };
  return [](const Step&, const Tensors& in) { return add(in[0], in[1]); };
}

/// How to run an operator without weights again; empty if it is not known.
Step::Run repeat(const TraceEntry& entry) {
  const std::string_view name = entry.op.name;
  if (name == "relu") return [](const Step&, const Tensors& in) { return relu(in[0]); };
  if (name == "max_pool2d")
    return [o = pool_options(entry.op)](const Step&, const Tensors& in) { return max_pool2d(in[0], o); };
  if (name == "avg_pool2d")
    return [o = pool_options(entry.op)](const Step&, const Tensors& in) { return avg_pool2d(in[0], o); };
  if (name == "adaptive_avg_pool2d")
    return [size = size_of(entry.op, "output_size")](const Step&, const Tensors& in) {
      return adaptive_avg_pool2d(in[0], size);
    };
  // Only flattening leaves the batch alone whatever its size.
  if (name == "reshape" && entry.output.shape.rank() == 2 && entry.output.shape[0] == entry.inputs[0].shape[0])
    return [](const Step&, const Tensors& in) { return flatten(in[0]); };
  return {};
}

/// Turns a trace into steps. Weights and biases are f64 until the end.
class Folding final {
 public:
  explicit Folding(Module& net) {
    for (const NamedModule& entry : named_modules(net)) modules_[entry.path] = entry.module;
  }

  /// False if something in it is not known.
  bool read(const std::vector<TraceEntry>& trace, const Tensor& input, const Tensor& output) {
    for (const TraceEntry& entry : trace)
      for (const TraceEntry::Value& value : entry.inputs) ++uses_[value.id];
    ++uses_[output.id()];
    values_[input.id()] = 0;
    for (const TraceEntry& entry : trace) {
      const std::size_t value = read(entry);
      if (value == unknown) return false;
      values_[entry.output.id] = value;
    }
    return value_of(output.id()) == steps.size();
  }

  std::vector<Step> steps;

 private:
  static constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();

  /// The value that an operator gives, its work having been added to the steps.
  std::size_t read(const TraceEntry& entry) {
    const std::string_view name = entry.op.name;
    if (name == "conv2d") return convolution(entry);
    if (name == "linear") return linear_layer(entry);
    if (name == "batch_norm2d") return batch_norm(entry);
    if (name == "relu" && open_convolution(entry.inputs[0].id, true) != nullptr) {
      open_convolution(entry.inputs[0].id, true)->options.relu = true;
      return value_of(entry.inputs[0].id);
    }
    if (name == "add" || name == "add_relu") return sum(entry.inputs[0], entry.inputs[1], name == "add_relu");
    Step::Run run = repeat(entry);
    return run ? push({.run = std::move(run)}, entry.inputs) : unknown;
  }

  std::size_t value_of(std::uint64_t id) const {
    const auto found = values_.find(id);
    return found == values_.end() ? unknown : found->second;
  }

  /// The layer that ran the operator, where it is a `Layer` not met before, else null.
  template <class Layer>
  Layer* layer(const TraceEntry& entry) {
    const auto found = modules_.find(entry.module);
    return found != modules_.end() && met_.insert(entry.module).second ? dynamic_cast<Layer*>(found->second) : nullptr;
  }

  std::size_t push(Step step, const std::vector<TraceEntry::Value>& operands) {
    for (const TraceEntry::Value& operand : operands) {
      const std::size_t value = value_of(operand.id);
      if (value == unknown) return unknown;
      step.inputs.push_back({value});
    }
    steps.push_back(std::move(step));
    return steps.size();
  }

  std::size_t convolution(const TraceEntry& entry) {
    const auto* conv = layer<Conv2d>(entry);
    if (conv == nullptr) return unknown;
    const Conv2dLayerOptions& o = conv->options;
    const Tensor bias = conv->bias.defined() ? conv->bias : Tensor::zeros({conv->weight.dim(0)});
    return push({.path = entry.module,
                 .weight = conv->weight.detach().as(DType::f64).clone(),
                 .bias = bias.detach().as(DType::f64).clone(),
                 .options = {o.stride, o.padding, o.dilation, o.groups},
                 .run = run_convolution},
                {entry.inputs[0]});
  }

  std::size_t linear_layer(const TraceEntry& entry) {
    const auto* own = layer<Linear>(entry);
    if (own == nullptr) return unknown;
    return push({.path = entry.module,
                 .weight = own->weight.detach().clone(),
                 .bias = own->bias.detach().clone(),
                 .run = run_linear},
                {entry.inputs[0]});
  }

  /// The convolution whose value this is, if nothing else looks at it and its tail can still take more.
  Step* open_convolution(std::uint64_t id, bool may_have_addend = false) {
    const std::size_t value = value_of(id);
    if (value == unknown || value == 0 || uses_[id] != 1) return nullptr;
    Step& step = steps[value - 1];
    const bool is_convolution = step.weight.defined() && step.weight.rank() == 4;
    return is_convolution && !step.options.relu && (step.inputs.size() == 1 || may_have_addend) ? &step : nullptr;
  }

  std::size_t batch_norm(const TraceEntry& entry) {
    const auto* norm = layer<BatchNorm2d>(entry);
    Step* conv = open_convolution(entry.inputs[0].id);
    if (norm == nullptr || conv == nullptr) return unknown;
    const std::vector<double> gamma = norm->weight.values(), beta = norm->bias.values();
    const std::vector<double> mean = norm->running_mean.values(), variance = norm->running_var.values();
    const auto weight = conv->weight.mutable_data<double>();
    const auto bias = conv->bias.mutable_data<double>();
    const std::size_t filter = weight.size() / bias.size();
    for (std::size_t c = 0; c < bias.size(); ++c) {
      const double scale = gamma[c] / std::sqrt(variance[c] + norm->options.eps);
      for (double& w : weight.subspan(c * filter, filter)) w *= scale;
      bias[c] = (bias[c] - mean[c]) * scale + beta[c];
    }
    const bool relu = std::get<bool>(attribute(entry.op, "relu"));
    if (entry.inputs.size() > 3) return sum(entry.inputs[0], entry.inputs[3], relu);
    conv->options.relu = relu;
    return value_of(entry.inputs[0].id);
  }

  /// The value of a + b, and a ReLU: the tail of the convolution that made the later of the two, when the other one is
  /// there, or a step of its own.
  std::size_t sum(const TraceEntry::Value& a, const TraceEntry::Value& b, bool relu) {
    const bool a_is_later = value_of(a.id) > value_of(b.id);
    const std::uint64_t last = a_is_later ? a.id : b.id;
    const std::size_t addend = value_of(a_is_later ? b.id : a.id);
    Step* conv = open_convolution(last);
    if (conv == nullptr || addend == unknown || a.shape != b.shape) return push({.run = run_sum(relu)}, {a, b});
    conv->inputs.push_back({addend});
    conv->options.relu = relu;
    return value_of(last);
  }

  std::map<std::string, Module*, std::less<>> modules_;
  std::set<std::string> met_;
  std::unordered_map<std::uint64_t, std::size_t> values_;  // tensor's id → number of the value
  std::unordered_map<std::uint64_t, int> uses_;
};

bool all_finite(const Tensor& t) {
  return !t.defined() || std::ranges::all_of(t.values(), [](double v) { return std::isfinite(v); });
}

/// From the last step to the first: who asks for a value first, in this order, is its last user.
void mark_last_uses(std::vector<Step>& steps) {
  std::set<std::size_t> wanted;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step)
    for (auto input = step->inputs.rbegin(); input != step->inputs.rend(); ++input)  // a step may take a value twice
      input->last = wanted.insert(input->value).second;
}

DType dtype_of_net(Module& net) {
  const auto parameters = named_parameters(net);
  return parameters.empty() ? DType::f32 : parameters.front().tensor->dtype();
}

}  // namespace

std::unique_ptr<FoldedNet> fold_batch_norm(Module& net, const Shape& image, DType dtype) {
  check(image.rank() == 3, "fold_batch_norm: images are [C, H, W], got ", image);
  const NoGrad no_grad;
  const Autocast f32(false);
  const EvalScope evaluating(net);
  const Tensor input = Tensor::zeros({2, image[0], image[1], image[2]}, dtype_of_net(net));  // 2: a batch, not 1
  const Trace trace;
  const Tensor output = net(input);
  Folding folding(net);
  if (!folding.read(trace.entries(), input, output)) return nullptr;
  auto folded = std::make_unique<FoldedNet>();
  for (Step& step : folding.steps) {
    if (!all_finite(step.weight) || !all_finite(step.bias)) return nullptr;
    if (step.weight.defined()) step.weight = step.weight.as(dtype);
    if (step.bias.defined()) step.bias = step.bias.as(dtype == DType::f64 ? DType::f64 : DType::f32);
  }
  mark_last_uses(folding.steps);
  folded->dtype_ = dtype;
  folded->steps_ = std::move(folding.steps);
  folded->eval();
  return folded;
}

Tensor FoldedNet::forward(const Tensor& x) {
  const NoGrad no_grad;
  Tensors values(steps_.size() + 1);
  values[0] = x.as(dtype_);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const ModuleScope scope(step.path);
    Tensors inputs;
    for (const Step::Input& input : step.inputs) {
      Tensor& value = values[input.value];
      inputs.push_back(input.last ? std::move(value) : value);
    }
    values[i + 1] = step.run(step, std::move(inputs));
  }
  return values.back();
}

void FoldedNet::visit(ModuleVisitor& v) {
  for (Step& step : steps_) {
    if (step.weight.defined()) v.parameter(step.path + ".weight", step.weight);
    if (step.bias.defined()) v.parameter(step.path + ".bias", step.bias);
  }
}

}  // namespace fanin
