#include "tools/chrome_trace.h"

namespace fanin {

void ChromeTrace::add(std::string_view name, std::string_view category, double start, double seconds, Json arguments) {
  if (events_.empty()) zero_ = start;
  Json event = Json::object();
  event.set("name", name).set("cat", category).set("ph", "X").set("pid", 1).set("tid", 1);  // X: start and duration
  event.set("ts", 1e6 * (start - zero_)).set("dur", 1e6 * seconds);
  if (!arguments.is_null()) event.set("args", std::move(arguments));
  events_.push_back(std::move(event));
}

std::string ChromeTrace::text() const {
  Json document = Json::object();
  return document.set("traceEvents", events_).set("displayTimeUnit", "ms").text() + "\n";
}

}  // namespace fanin
