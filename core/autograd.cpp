#include "core/autograd.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <queue>
#include <unordered_map>

#include "core/ops/add.h"

namespace fanin {

/// A recorded operation. It owns its inputs' records, not their bytes: memory lives as long as a closure captured it.
struct Node {
  std::uint64_t number;
  std::string_view name;
  std::string module;
  Shape output_shape;
  DType output_dtype;
  struct Input {
    std::shared_ptr<GraphMeta> meta;  // null where no gradient is wanted
    Shape shape;
    DType dtype;
  };
  std::vector<Input> inputs;
  Backward backward;                     // empty once it has run
  std::shared_ptr<const Remake> remake;  // of the output; the same
  std::weak_ptr<Storage> output = {};    // the bytes that the remake makes again,
  std::uint64_t output_version = 0;      // as long as nobody has written to them
};

namespace {

/// Shared by all threads: a graph may go on in another thread than it began in.
std::atomic<std::uint64_t> nodes_made{0};
thread_local bool grad_on = true;
thread_local bool in_backward = false;
thread_local Trace* innermost = nullptr;

/// Says that backward() is at work on this thread.
class BackwardScope final {
 public:
  BackwardScope() : outer_(in_backward) { in_backward = true; }
  ~BackwardScope() { in_backward = outer_; }
  BackwardScope(const BackwardScope&) = delete;
  BackwardScope& operator=(const BackwardScope&) = delete;

 private:
  bool outer_;
};

Needs needs_of(const Node& node) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) bits |= (node.inputs[i].meta ? 1U : 0U) << i;
  return Needs(bits);
}

/// Of exactly these bytes: not of a copy in another layout, nor of an output that was written to since.
std::shared_ptr<const Remake> remake_of(const Tensor& t) {
  if (!t.meta() || !t.meta()->producer) return nullptr;
  const Node& node = *t.meta()->producer;
  if (!node.remake || node.output_version != t.version() || node.output.lock() != t.storage()) return nullptr;
  return node.remake;
}

std::shared_ptr<Node> make_node(const Op& op, const Tensor& value, const Tensors& inputs, Backward backward) {
  check<NumericError>(inputs.size() <= 32, op.name, ": an operator has at most 32 inputs, got ", inputs.size());
  auto node = std::make_shared<Node>(Node{
      ++nodes_made, op.name, std::string(current_module()), value.shape(), value.dtype(), {}, std::move(backward), {}});
  node->inputs.reserve(inputs.size());
  for (const Tensor& input : inputs)
    node->inputs.push_back({input.requires_grad() ? input.meta() : nullptr, input.shape(), input.dtype()});
  return node;
}

/// A leaf owns its gradient alone: clipping and optimisers write into it.
void accumulate(GraphMeta& leaf, Tensor gradient) {
  if (leaf.grad.defined())
    leaf.grad = accumulate(std::move(leaf.grad), gradient);
  else
    leaf.grad = gradient.unique() ? std::move(gradient) : gradient.clone();
}

struct ByNumber {
  bool operator()(const Node* a, const Node* b) const { return a->number < b->number; }
};

/// Nodes whose output has received a gradient, highest number first.
class Ready final {
 public:
  void deliver(const std::shared_ptr<GraphMeta>& to, Tensor gradient) {
    if (!to || !to->requires_grad) return;
    if (!to->producer) {
      accumulate(*to, std::move(gradient));
      return;
    }
    const auto [slot, first] = waiting_.try_emplace(to->producer.get(), Entry{to->producer, {}});
    Incoming& at = slot->second.gradient;
    if (first) {
      order_.push(to->producer.get());
      at.dy = std::move(gradient);
    } else {
      if (at.more.defined()) at.dy = static_cast<Tensor>(std::move(at));
      at.more = std::move(gradient);
    }
  }

  bool empty() const { return order_.empty(); }

  std::pair<std::shared_ptr<Node>, Incoming> take() {
    auto entry = waiting_.extract(order_.top());
    order_.pop();
    return {std::move(entry.mapped().node), std::move(entry.mapped().gradient)};
  }

 private:
  struct Entry {
    std::shared_ptr<Node> node;
    Incoming gradient;
  };
  std::priority_queue<Node*, std::vector<Node*>, ByNumber> order_;
  std::unordered_map<Node*, Entry> waiting_;
};

void check_gradients(const Node& node, const Tensors& gradients) {
  check<NumericError>(gradients.size() == node.inputs.size(), node.name, ": its backward returned ", gradients.size(),
                      " gradients for ", node.inputs.size(), " inputs");
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const auto& [meta, shape, dtype] = node.inputs[i];
    if (!meta) continue;
    const Tensor& g = gradients[i];
    check<NumericError>(g.defined(), node.name, ": its backward left out the gradient of input ", i);
    check<NumericError>(g.shape() == shape && g.dtype() == dtype, node.name, ": its backward returned a gradient of ",
                        g.dtype(), g.shape(), " for input ", i, ", which is ", dtype, shape);
  }
}

}  // namespace

Incoming::operator Tensor() && {
  return more.defined() ? accumulate(std::move(dy), std::exchange(more, {})) : std::move(dy);
}

Saved::Saved(const Tensor& tensor) : remake_(remake_of(tensor)) {
  if (remake_) return;
  tensor_ = tensor.detach();
  version_ = tensor.version();
}

Tensor Saved::get() const {
  if (remake_) return (*remake_)();
  check<NumericError>(tensor_.version() == version_, "a tensor of shape ", tensor_.shape(),
                      " that was saved for backward has been written since: update parameters after backward()");
  return tensor_;
}

/// Takes a chain of records apart with a list of work: a graph a million operations deep must not recurse.
GraphMeta::~GraphMeta() {
  if (!producer) return;
  std::vector<std::shared_ptr<Node>> work{std::move(producer)};
  while (!work.empty()) {
    const std::shared_ptr<Node> node = std::move(work.back());
    work.pop_back();
    if (node.use_count() > 1) continue;
    node->backward = nullptr;
    node->remake = nullptr;
    for (auto& input : node->inputs)
      if (input.meta && input.meta.use_count() == 1 && input.meta->producer)
        work.push_back(std::move(input.meta->producer));
  }
}

Tensor record(Op op, const Tensor& value, const Tensors& inputs, Backward backward, Remake remake) {
  Tensor output = value.detach();
  output.renew_id();
  std::uint64_t number = 0;
  if (grad_on && std::ranges::any_of(inputs, &Tensor::requires_grad)) {
    check<NumericError>(static_cast<bool>(backward), op.name, " has no backward");
    auto meta = std::make_shared<GraphMeta>();
    meta->requires_grad = true;
    meta->producer = make_node(op, value, inputs, std::move(backward));
    if (remake && std::ranges::none_of(inputs, has_remake)) {
      meta->producer->remake = std::make_shared<const Remake>(std::move(remake));
      meta->producer->output = value.storage();
      meta->producer->output_version = value.version();
    }
    number = meta->producer->number;
    output.attach(std::move(meta));
  }
  if (innermost != nullptr) innermost->add(op, inputs, output, number);
  return output;
}

bool has_remake(const Tensor& tensor) { return remake_of(tensor) != nullptr; }

void backward(const Tensor& y, Tensor dy) {
  check<NumericError>(y.requires_grad(), "backward: nothing this tensor was computed from requires a gradient");
  if (!dy.defined()) {
    check(y.numel() == 1, "backward: a tensor of shape ", y.shape(), " needs the gradient at it as second argument");
    dy = Tensor::full(y.shape(), 1, y.dtype());
  }
  check(dy.shape() == y.shape(), "backward: the gradient at a tensor of shape ", y.shape(), " cannot have shape ",
        dy.shape());
  check<DTypeError>(dy.dtype() == y.dtype(), "backward: the gradient at a tensor of ", y.dtype(), " cannot be ",
                    dy.dtype());
  const NoGrad off;
  const BackwardScope at_work;
  Ready ready;
  ready.deliver(y.meta(), std::move(dy));
  while (!ready.empty()) {
    auto [node, gradient] = ready.take();
    const ModuleScope scope(node->module);
    check<NumericError>(static_cast<bool>(node->backward), node->name,
                        ": backward() runs through this graph a second time, but what it saved was freed by the first");
    const double start = innermost != nullptr ? Trace::now() : 0;
    const Backward run = std::move(node->backward);
    node->backward = nullptr;
    node->remake = nullptr;
    Tensors gradients = run(std::move(gradient), needs_of(*node));
    check_gradients(*node, gradients);
    if (innermost != nullptr) innermost->add_backward(node->number, start, Trace::now() - start);
    for (std::size_t i = 0; i < gradients.size(); ++i) ready.deliver(node->inputs[i].meta, std::move(gradients[i]));
  }
}

NoGrad::NoGrad() : outer_(grad_on) { grad_on = false; }
NoGrad::~NoGrad() { grad_on = outer_; }
bool grad_enabled() { return grad_on; }

Trace::Trace(Watch watch, AfterBackward after_backward)
    : watch_(std::move(watch)), after_backward_(std::move(after_backward)), last_(now()), outer_(innermost) {
  innermost = this;
}
Trace::~Trace() { innermost = outer_; }

double Trace::now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Trace::clear() {
  entries_.clear();
  reorders_.clear();
  by_node_.clear();
  last_ = now();
}

void Trace::add(const Op& op, const Tensors& inputs, const Tensor& output, std::uint64_t node) {
  const auto describe = [](const Tensor& t) {
    return t.defined() ? TraceEntry::Value{t.id(), t.shape(), t.dtype(), t.layout(), t.requires_grad()}
                       : TraceEntry::Value{};
  };
  TraceEntry entry{.op = op,
                   .module = std::string(current_module()),
                   .inputs = {},
                   .output = describe(output),
                   .node = node,
                   .forward_start = last_,
                   .forward_seconds = now() - last_};
  for (const Tensor& input : inputs) entry.inputs.push_back(describe(input));
  if (watch_) watch_(entry, output);
  if (node != 0) by_node_[node] = entries_.size();
  entries_.push_back(std::move(entry));
  last_ = now();
}

void Trace::add_backward(std::uint64_t node, double start, double seconds) {
  const auto found = by_node_.find(node);
  if (found == by_node_.end()) return;
  TraceEntry& entry = entries_[found->second];
  entry.backward_start = start;
  entry.backward_seconds = seconds;
  if (after_backward_) after_backward_(entry);
}

void trace_reorder(const Tensor& from, Layout to, const std::function<void()>& move) {
  if (innermost == nullptr) return move();
  const double start = Trace::now();
  move();
  innermost->reorders_.push_back({std::string(current_module()), from.shape(), from.dtype(), from.layout(), to,
                                  in_backward, start, Trace::now() - start});
}

}  // namespace fanin
