#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/tools/program.h"

using nlohmann::json;

namespace {

const std::string tiny =
    "bench --model resnext --model-arg depth=11 cardinality=2 base_width=4 widen_factor=0.125 --img-size 8 "
    "--batch-size 4 --steps 2 --warmup 1 --threads 1";

json run_json(const Folder& folder, const std::string& options) {
  const Ran ran = call(folder, tiny + " " + options + " --json");
  INFO(options);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return json::parse(ran.out);
}

}  // namespace

TEST_CASE("bench times training steps and forward passes without any data") {
  const Folder folder;
  std::uint64_t training_bytes = 0;
  for (const std::string mode : {"train", "forward"})
    for (const std::string precision : {"f32", "f64"}) {
      CAPTURE(mode);
      const json found = run_json(folder, "--mode " + mode + " --precision " + precision);
      CHECK(found["model"] == "resnext");
      CHECK(found["model_arguments"]["depth"] == "11");
      CHECK(found["batch_size"] == 4);
      CHECK(found["mode"] == mode);
      CHECK(found["precision"] == precision);
      CHECK(found["threads"] == 1);
      CHECK(found["steps"] == 2);
      const json& step = found["step_ms"];
      CHECK(step["min"].get<double>() > 0);
      CHECK(step["min"] <= step["q1"]);
      CHECK(step["q1"] <= step["median"]);
      CHECK(step["median"] <= step["q3"]);
      CHECK(found["images_per_second"].get<double>() == doctest::Approx(4000 / step["median"].get<double>()));
      CHECK(found["first_step_ms"].get<double>() > 0);
      const auto tensors = found["peak_tensor_bytes"].get<std::uint64_t>();
      CHECK(found["peak_rss_bytes"].get<std::uint64_t>() > tensors);
      if (mode == "train" && precision == "f32") training_bytes = tensors;
      if (mode == "forward" && precision == "f32") CHECK(tensors < training_bytes);
    }
}

TEST_CASE("bench says in words what it says in numbers, and refuses what it cannot measure") {
  const Folder folder;
  const Ran ran = call(folder, tiny);
  REQUIRE(ran.code == 0);
  for (const char* word : {"median", "quartiles", "images/s", "first step", "resident"}) {
    CAPTURE(word);
    CHECK(ran.out.find(word) != std::string::npos);
  }
  for (const std::string wrong : {"--mode backward", "--steps 0", "--warmup 0", "--precision f16", "--img-size -1",
                                  "--model resnxt", "--batch-size 0"}) {
    CAPTURE(wrong);
    CHECK(call(folder, tiny + " " + wrong).code == 2);
  }
}
