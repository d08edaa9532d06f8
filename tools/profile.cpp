#include "tools/profile.h"

#include <algorithm>

#include "tools/flops.h"
#include "tools/progress.h"
#include "tools/table.h"

namespace fanin {

namespace {

constexpr std::int64_t steps_drawn = 3;
constexpr std::array<std::string_view, 5> phase_names{"rest", "data", "forward", "backward", "optimiser"};

std::string text_of(const TraceEntry::Value& value) {
  return value.id == 0 ? "-" : text(value.dtype, value.shape, " ", value.layout);
}

bool within(double moment, double start, double seconds) { return moment >= start && moment < start + seconds; }

/// The operator on whose time the reorder was made, or null.
const TraceEntry* owner_of(const TraceReorder& reorder, const std::vector<TraceEntry>& entries) {
  const auto found = std::ranges::find_if(entries, [&](const TraceEntry& e) {
    return reorder.in_backward ? within(reorder.start, e.backward_start, e.backward_seconds)
                               : within(reorder.start, e.forward_start, e.forward_seconds);
  });
  return found == entries.end() ? nullptr : &*found;
}

std::string module_of(const std::string& path) { return path.empty() ? "(top)" : path; }

}  // namespace

Profile::Row& Profile::operator_row(std::string_view name, std::string_view kernel) {
  const auto found =
      std::ranges::find_if(operators_, [&](const Row& r) { return r.name == name && r.kernel == kernel; });
  if (found != operators_.end()) return *found;
  return operators_.emplace_back(Row{.name = std::string(name), .kernel = std::string(kernel)});
}

Profile::Row& Profile::module_row(const std::string& path) {
  const auto found = std::ranges::find(modules_, path, &Row::name);
  if (found != modules_.end()) return *found;
  return modules_.emplace_back(Row{.name = path});
}

void Profile::begin_step() {
  step_start_ = Trace::now();
  phases_ = {{Phase::rest, step_start_}};
}

void Profile::enter(Phase phase) {
  phases_.emplace_back(phase, Trace::now());
  if (phase == Phase::forward) trace_.emplace();
}

void Profile::end_step() {
  const double end = Trace::now();
  if (warm_up_ > 0) {
    --warm_up_;
    trace_.reset();
    return;
  }
  phases_.emplace_back(Phase::rest, end);
  for (std::size_t i = 0; i + 1 < phases_.size(); ++i)
    phase_seconds_[static_cast<std::size_t>(phases_[i].first)] += phases_[i + 1].second - phases_[i].second;
  double in_nodes = 0;
  for (const TraceEntry& entry : trace_->entries()) {
    count(entry);
    in_nodes += entry.backward_seconds;
  }
  for (const TraceReorder& reorder : trace_->reorders()) count(reorder);
  backward_ += in_nodes;
  if (steps_ < steps_drawn) draw(end);
  ++steps_;
  step_seconds_ += end - step_start_;
  gradient_sums_ = phase_seconds_[static_cast<std::size_t>(Phase::backward)] - backward_;
  trace_.reset();
}

void Profile::count(const TraceEntry& entry) {
  const double products = product_flops(entry);
  const double bytes = least_bytes(entry);
  forward_ += entry.forward_seconds;
  Row& module = module_row(module_of(entry.module));
  if (module.kernel.find(entry.op.kernel) == std::string::npos)
    module.kernel += (module.kernel.empty() ? "" : ", ") + std::string(entry.op.kernel);
  for (Row* r : {&operator_row(entry.op.name, entry.op.kernel), &module}) {
    ++r->calls;
    r->forward += entry.forward_seconds;
    r->backward += entry.backward_seconds;
    r->flops += products;
    r->bytes += bytes;
    if (products > 0) r->dtype = entry.inputs[0].dtype;
    if (products > 0 || bytes > 0) r->rated_seconds += entry.forward_seconds + entry.backward_seconds;
  }
}

/// Its time goes from the operator to a row of its own; modules keep it.
void Profile::count(const TraceReorder& reorder) {
  const TraceEntry* owner = owner_of(reorder, trace_->entries());
  Row& all = operator_row("reorder", "");
  ++all.calls;
  ++all.reorders;
  (reorder.in_backward ? all.backward : all.forward) += reorder.seconds;
  Row& module = module_row(module_of(reorder.module));
  ++module.reorders;
  if (owner != nullptr) {
    Row& r = operator_row(owner->op.name, owner->op.kernel);
    (reorder.in_backward ? r.backward : r.forward) -= reorder.seconds;
    return;
  }
  (reorder.in_backward ? module.backward : module.forward) += reorder.seconds;
  (reorder.in_backward ? backward_ : forward_) += reorder.seconds;
}

void Profile::draw(double step_end) {
  trace_file_.add(fanin::text("step ", steps_ + 1), "step", step_start_, step_end - step_start_);
  for (std::size_t i = 0; i + 1 < phases_.size(); ++i)
    if (phases_[i].first != Phase::rest)
      trace_file_.add(phase_names[static_cast<std::size_t>(phases_[i].first)], "phase", phases_[i].second,
                      phases_[i + 1].second - phases_[i].second);
  for (const TraceEntry& entry : trace_->entries()) {
    Json arguments = Json::object();
    std::vector<std::string> inputs;
    for (const TraceEntry::Value& input : entry.inputs) inputs.push_back(text_of(input));
    arguments.set("module", entry.module).set("inputs", Json::list(inputs)).set("output", text_of(entry.output));
    arguments.set("kernel", entry.op.kernel);
    trace_file_.add(entry.op.name, "forward", entry.forward_start, entry.forward_seconds, arguments);
    if (entry.backward_seconds > 0)
      trace_file_.add(entry.op.name, "backward", entry.backward_start, entry.backward_seconds, arguments);
  }
  for (const TraceReorder& reorder : trace_->reorders()) {
    Json arguments = Json::object();
    arguments.set("module", reorder.module).set("shape", fanin::text(reorder.dtype, reorder.shape));
    arguments.set("from", fanin::text(reorder.from)).set("to", fanin::text(reorder.to));
    trace_file_.add("reorder", "reorder", reorder.start, reorder.seconds, std::move(arguments));
  }
}

std::string Profile::text(const MachineLimits* limits) const {
  if (steps_ == 0) return "no step was profiled\n";
  const auto n = static_cast<double>(steps_);
  const auto ms = [&](double seconds) { return fixed(1000 * seconds / n, 3); };
  const auto share = [&](double seconds) { return fixed(100 * seconds / step_seconds_, 1) + "%"; };
  const auto of_limit = [&](const Row& r) -> std::string {
    if (limits == nullptr || (r.flops > 0) == (r.bytes > 0)) return "";
    const double most = r.flops > 0 ? limits->flops(r.dtype) : limits->update_bytes;
    return fixed(100 * (r.flops + r.bytes) / r.rated_seconds / most, 0) + "%";
  };
  const auto table_of = [&](std::string_view first, const std::vector<Row>& rows) {
    Table table({std::string(first), "kernel", "calls", "forward ms", "backward ms", "share", "GFLOP/s", "GB/s",
                 "of limit", "reorders"},
                "llrrrrrrrr");
    const auto add = [&](std::string name, double forward, double backward) {
      table.add({std::move(name), "", "", forward > 0 ? ms(forward) : "", backward > 0 ? ms(backward) : "",
                 share(forward + backward), "", "", "", ""});
    };
    for (const Row& r : rows)
      table.add({r.name, r.kernel, fixed(static_cast<double>(r.calls) / n, 0), ms(r.forward), ms(r.backward),
                 share(r.forward + r.backward), r.flops > 0 ? brief(r.flops / r.rated_seconds / 1e9) : "",
                 r.bytes > 0 ? brief(r.bytes / r.rated_seconds / 1e9) : "", of_limit(r),
                 r.reorders > 0 ? fixed(static_cast<double>(r.reorders) / n, 0) : ""});
    const double data = phase_seconds_[static_cast<std::size_t>(Phase::data)];
    const double optimiser = phase_seconds_[static_cast<std::size_t>(Phase::optimiser)];
    add("(gradients added up)", 0, gradient_sums_);
    add("(waiting for data)", data, 0);
    add("(optimiser)", optimiser, 0);
    add("(rest)", step_seconds_ - forward_ - backward_ - gradient_sums_ - data - optimiser, 0);
    table.add({"step", "", "", ms(step_seconds_), "", "100.0%", "", "", "", ""});
    return table.text();
  };
  std::vector<Row> by_time = operators_;
  std::ranges::sort(by_time, std::greater<>(), [](const Row& r) { return r.forward + r.backward; });
  return fanin::text("profile of ", steps_, " steps, a step's mean\n\n", table_of("operator", by_time), "\n",
                     table_of("module", modules_));
}

Json Profile::json_of(const std::vector<Row>& rows) const {
  const auto n = static_cast<double>(std::max<std::int64_t>(steps_, 1));
  Json::Array list;
  for (const Row& r : rows) {
    Json one = Json::object();
    one.set("name", r.name).set("kernel", r.kernel).set("calls", static_cast<double>(r.calls) / n);
    one.set("forward_ms", 1000 * r.forward / n).set("backward_ms", 1000 * r.backward / n);
    one.set("flops", r.flops / n).set("bytes", r.bytes / n).set("reorders", static_cast<double>(r.reorders) / n);
    list.push_back(std::move(one));
  }
  return list;
}

Json Profile::json() const {
  const double scale = 1000 / static_cast<double>(std::max<std::int64_t>(steps_, 1));
  const double data = phase_seconds_[static_cast<std::size_t>(Phase::data)];
  const double optimiser = phase_seconds_[static_cast<std::size_t>(Phase::optimiser)];
  Json other = Json::object();
  other.set("gradient_sums", scale * gradient_sums_).set("data", scale * data).set("optimiser", scale * optimiser);
  other.set("rest", scale * (step_seconds_ - forward_ - backward_ - gradient_sums_ - data - optimiser));
  Json document = Json::object();
  document.set("steps", steps_).set("step_ms", scale * step_seconds_).set("operators", json_of(operators_));
  return document.set("modules", json_of(modules_)).set("other_ms", std::move(other));
}

}  // namespace fanin
