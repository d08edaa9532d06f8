#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace fanin {

/// One attribute of an executed operator, under PyTorch's name: {"stride", {2, 2}}, {"groups", 8}, {"eps", 1e-5}.
using AttributeValue = std::variant<Dim, double, bool, std::string, std::vector<Dim>>;
using Attributes = std::vector<std::pair<std::string_view, AttributeValue>>;

/// What was executed: the operator's name, its attributes, and the kernel that ran ("reference", "onednn", …; empty
/// where there is only one). Names are string literals.
struct Op {
  std::string_view name;
  Attributes attributes = {};
  std::string_view kernel = {};
};

/// Which inputs want a gradient, by position.
class Needs final {
 public:
  explicit Needs(std::uint32_t bits) : bits_(bits) {}
  bool operator[](std::size_t i) const { return (bits_ >> i & 1U) != 0; }

 private:
  std::uint32_t bits_;
};

/// The gradient at an output: `dy` or, where several users gave one, the sum of both; `more` may be undefined. A
/// closure that reads both in one pass saves the pass that adds them; for all others it turns into the sum.
struct Incoming {
  Tensor dy, more = {};
  operator Tensor() &&;
};

/// From the gradient of the output to the gradients of the inputs, in order; undefined where not needed. The closure's
/// captures are what is saved for backward: wrap tensors in Saved. Most take a Tensor.
/// `dy` may arrive in another layout than the output had; a closure that is the only holder of it may write into it.
using Backward = std::function<Tensors(Incoming dy, Needs needs)>;

/// Makes an operator's output again, to the bit, in one cheap pass over what its own backward has saved anyway; or
/// gives what it made before, if that backward, still to come, wants it too.
using Remake = std::function<Tensor()>;

/// A tensor captured by a backward closure, with the version it had; of an output with a remake only the remake, and
/// get() asks it for the bytes. get() throws NumericError if what it needs was written since.
class Saved final {
 public:
  Saved() = default;
  explicit Saved(const Tensor& tensor);
  Tensor get() const;
  bool defined() const { return tensor_.defined() || remake_; }

 private:
  Tensor tensor_;
  std::uint64_t version_ = 0;
  std::shared_ptr<const Remake> remake_;
};

struct Node;

/// A tensor's place in the graph: a leaf that collects a gradient, or the node that produced it.
struct GraphMeta {
  bool requires_grad = false;
  Tensor grad;
  std::shared_ptr<Node> producer;
  ~GraphMeta();
};

/// Returns `value` as the output of `op`: a new handle on the same bytes. `value` itself stays outside the graph, so
/// `backward` may capture it without making a cycle. If no input requires a gradient, or under NoGrad, nothing is
/// recorded for backward; an active Trace is told in any case. With `remake`, operators that save this output keep the
/// remake in place of the bytes, which saves memory. Remakes do not build on each other: it is dropped if an input has
/// one. It captures through Saved, like `backward`.
Tensor record(Op op, const Tensor& value, const Tensors& inputs, Backward backward, Remake remake = {});
/// Whether operators that save this tensor keep a remake in place of its bytes.
bool has_remake(const Tensor& tensor);

/// Runs the graph under `y` backwards, from the highest node number down: a node can only use what already existed, so
/// that order is a valid one, needs no recursion, and is the same on every machine. Gradients of leaves are added to
/// their grad(). `dy` is the gradient at `y`; without it `y` must have one element and its gradient is 1.
/// Each node's saved tensors are freed as soon as it has run; a second backward() through it throws NumericError.
void backward(const Tensor& y, Tensor dy = {});

/// Within the scope nothing is recorded for backward on this thread.
class NoGrad final {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool outer_;
};
/// Whether record() on this thread records: outside every NoGrad.
bool grad_enabled();

/// An operator as it was executed.
struct TraceEntry {
  struct Value {
    std::uint64_t id = 0;
    Shape shape;
    DType dtype = DType::f32;
    Layout layout;
    bool requires_grad = false;
  };
  Op op;
  std::string module;         // path of the module that ran it
  std::vector<Value> inputs;  // id 0: undefined
  Value output;
  std::uint64_t node = 0;      // number of its node in the graph; 0 if nothing was recorded for backward
  double forward_start = 0;    // when the entry before it ended, on Trace::now()'s clock
  double forward_seconds = 0;  // since then
  double backward_start = 0;   // filled in, as is the next, when backward() runs its node within the scope
  double backward_seconds = 0;
};

/// A tensor that was moved from one layout to another: no operator, but it takes time, and that is part of the
/// operator's that wanted it.
struct TraceReorder {
  std::string module;
  Shape shape;
  DType dtype = DType::f32;
  Layout from, to;
  bool in_backward = false;
  double start = 0;
  double seconds = 0;
};

/// Collects the operators executed on this thread while it lives, forward and backward, also under NoGrad. The one
/// source for summary, FLOPs, profile, export and diagnosis. Traces nest; the innermost one collects.
class Trace final {
 public:
  /// `watch`, if given, sees every output as it is made: for finding the first non-finite one.
  /// `after_backward` is called when backward() has run an entry's node.
  using Watch = std::function<void(const TraceEntry&, const Tensor& output)>;
  using AfterBackward = std::function<void(const TraceEntry&)>;
  explicit Trace(Watch watch = {}, AfterBackward after_backward = {});
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  const std::vector<TraceEntry>& entries() const { return entries_; }
  /// In the order in which they happened.
  const std::vector<TraceReorder>& reorders() const { return reorders_; }
  /// Forgets everything collected; the next entry's forward starts now.
  void clear();
  /// Seconds on a clock that only goes forward.
  static double now();

 private:
  friend Tensor record(Op op, const Tensor& value, const Tensors& inputs, Backward backward, Remake remake);
  friend void backward(const Tensor& y, Tensor dy);
  void add(const Op& op, const Tensors& inputs, const Tensor& output, std::uint64_t node);
  void add_backward(std::uint64_t node, double start, double seconds);
  friend void trace_reorder(const Tensor& from, Layout to, const std::function<void()>& move);

  Watch watch_;
  AfterBackward after_backward_;
  std::vector<TraceEntry> entries_;
  std::vector<TraceReorder> reorders_;
  std::unordered_map<std::uint64_t, std::size_t> by_node_;  // node number → entry
  double last_ = 0;
  Trace* outer_;
};

/// Runs `move`, which brings a tensor into another layout, and tells the innermost Trace: for Tensor.
void trace_reorder(const Tensor& from, Layout to, const std::function<void()>& move);

}  // namespace fanin
