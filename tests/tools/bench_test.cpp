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

TEST_CASE("the profile's rows sum up to the step, and its trace file nests spans within it") {
  const Folder folder;
  const json found = run_json(folder, "--profile --trace trace.json");
  const json& profile = found["profile"];
  CHECK(profile["steps"] == 2);
  const auto number = [](const json& value) { return value.get<double>(); };
  double other = 0;
  for (const auto& [name, ms] : profile["other_ms"].items()) other += number(ms);
  CHECK(number(profile["other_ms"]["optimiser"]) > 0);
  CHECK(number(profile["other_ms"]["data"]) == 0);
  for (const char* table : {"operators", "modules"}) {
    double sum = other;
    for (const json& row : profile[table]) sum += number(row["forward_ms"]) + number(row["backward_ms"]);
    CAPTURE(table);
    CHECK(sum == doctest::Approx(number(profile["step_ms"])).epsilon(1e-6));
  }
  double convolutions = 0;
  for (const json& row : profile["operators"])
    if (row["name"] == "conv2d") {
      convolutions += number(row["calls"]);
      CHECK(number(row["flops"]) > 0);
      CHECK(number(row["forward_ms"]) > 0);
      CHECK(number(row["backward_ms"]) > 0);
    }
  CHECK(convolutions == 1 + 3 * 3 + 3);  // stem, three bottlenecks, their projections

  const json trace = json::parse(content(folder / "trace.json"));
  int steps = 0, forwards = 0, backwards = 0;
  double step_start = 0, step_end = 0;
  for (const json& event : trace["traceEvents"]) {
    CHECK(event["ph"] == "X");
    const double start = number(event["ts"]), end = start + number(event["dur"]);
    if (event["cat"] == "step") {
      ++steps;
      step_start = start;
      step_end = end;
    }
    CHECK(start >= step_start);
    CHECK(end <= step_end + 0.01);
    if (event["name"] == "conv2d") {
      (event["cat"] == "forward" ? forwards : backwards) += 1;
      CHECK(event["args"]["module"] != "");
      CHECK(event["args"]["inputs"].size() >= 2);
    }
  }
  CHECK(steps == 2);
  CHECK(forwards == 2 * convolutions);
  CHECK(backwards == 2 * convolutions);
}

TEST_CASE("the profile is written in words, and a trace without it is refused") {
  const Folder folder;
  const Ran ran = call(folder, tiny + " --profile");
  REQUIRE(ran.code == 0);
  for (const char* word : {"operator", "conv2d", "batch_norm2d", "classifier", "(optimiser)", "GFLOP/s", "reorders"}) {
    CAPTURE(word);
    CHECK(ran.err.find(word) != std::string::npos);
  }
  CHECK(call(folder, tiny + " --trace trace.json").code == 2);
  CHECK(call(folder, tiny + " --profile --trace nowhere/trace.json").code == 3);
}

TEST_CASE("train --profile leaves a trace in the run folder, with the waiting for data in it") {
  const Folder folder;
  write_cifar(folder / "cifar", 40);
  const Ran ran =
      call(folder,
           "train --data cifar --recipe none --epochs 2 --batch-size 10 --val-split 0.25 --profile --json "
           "--output run --model resnext --model-arg depth=11 cardinality=2 base_width=4 widen_factor=0.125");
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const json profile = json::parse(ran.out)["profile"];
  CHECK(profile["steps"] == 5);  // of six
  CHECK(profile["other_ms"]["data"].get<double>() > 0);
  for (const json& row : profile["operators"])
    if (row["name"] == "cross_entropy") CHECK(row["calls"] == 1);  // validation is not counted
  CHECK(ran.err.find("(waiting for data)") != std::string::npos);
  const std::string trace = content(folder / "run/trace.json");
  CHECK(trace.find("\"data\"") != std::string::npos);
  CHECK(json::parse(trace)["traceEvents"].size() > 30);
  CHECK(content(folder / "run/args.json").find("profile") == std::string::npos);
}

TEST_CASE("bench --bound measures the machine, every distinct convolution, and the bytes that must move") {
  const Folder folder;
  const json found = run_json(folder, "--bound");
  const auto number = [](const json& value) { return value.get<double>(); };
  CHECK(number(found["limits"]["gemm_f32_flops"]) > 1e8);
  CHECK(number(found["limits"]["convolution_f32_flops"]) > 1e8);
  CHECK(number(found["limits"]["read_bytes_per_second"]) > 1e8);
  CHECK(number(found["limits"]["update_bytes_per_second"]) > 1e8);
  const json& bound = found["bound"];
  int convolutions = 0;
  double milliseconds = 0;
  for (const json& row : bound["convolutions"]) {
    const int count = row["count"];
    convolutions += count;
    CHECK(number(row["forward_ms"]) > 0);
    CHECK(number(row["backward_weight_ms"]) > 0);
    const bool stem = row["convolution"].get<std::string>().find("[4, 3, 8, 8]") != std::string::npos;
    CHECK((number(row["backward_data_ms"]) == 0) == stem);  // nobody asks for the images' gradient
    milliseconds +=
        count * (number(row["forward_ms"]) + number(row["backward_data_ms"]) + number(row["backward_weight_ms"]));
  }
  CHECK(convolutions == 1 + 3 * 3 + 3);
  CHECK(number(bound["convolutions_ms"]) == doctest::Approx(milliseconds));

  // Elements that pass through batch norm: stem 64; D, D, out and the projection's out at 8x8, 4x4, 2x2.
  const double places =
      4 * (64 * 64 + (8 + 8 + 8 + 8) * 64 + (16 * 64 + (16 + 16 + 16) * 16) + (32 * 16 + (32 + 32 + 32) * 4));
  const double sums = 4 * (8 * 64 + 16 * 16 + 32 * 4);
  const Ran summary = call(folder,
                           "summary --json --img-size 8 --model resnext --model-arg depth=11 cardinality=2 "
                           "base_width=4 widen_factor=0.125");
  const double parameters = number(json::parse(summary.out)["parameters"]);
  // The block's tail: the addend read, y read again in backward, the addend's gradient written.
  CHECK(number(bound["bytes"]) == 4 * (5 * places + 3 * sums + 5 * parameters));
  CHECK(number(bound["memory_ms"]) ==
        doctest::Approx(1000 * number(bound["bytes"]) / number(found["limits"]["update_bytes_per_second"])));
  CHECK(number(bound["bound_ms"]) == doctest::Approx(number(bound["convolutions_ms"]) + number(bound["memory_ms"])));
  CHECK(number(bound["share"]) == doctest::Approx(number(bound["bound_ms"]) / number(found["step_ms"]["median"])));
  for (const json& row : found["profile"]["operators"])
    if (row["name"] == "batch_norm2d") CHECK(number(row["bytes"]) == 4 * (5 * places + 3 * sums));

  CHECK(call(folder, tiny + " --bound --mode forward").code == 2);
  CHECK(call(folder, tiny + " --bound --precision f64").code == 2);
  CHECK(call(folder, "bench --model c3d --bound").code == 2);
}
