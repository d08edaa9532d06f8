#include <doctest/doctest.h>

#include <cmath>
#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/io/safetensors.h"
#include "tests/golden/training_golden.h"
#include "tests/tools/program.h"

// The program as its users call it, on tiny data.

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

const std::string tiny_net =
    " --model resnext --model-arg depth=11 cardinality=2 base_width=4 widen_factor=0.125 --batch-size 10";
const std::string tiny = "train --data cifar --recipe none --lr 0.05 --momentum 0.9 --val-split 0.2" + tiny_net;

std::vector<std::string> words(const std::string& line) {
  std::vector<std::string> list;
  for (std::size_t begin = 0; begin < line.size();) {
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    if (end > begin) list.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return list;
}

}  // namespace

TEST_CASE("--verify changes nothing, says how near the kernels came, and is for train and eval") {
  const Folder folder;
  write_cifar(folder / "cifar", 50);
  REQUIRE(call(folder, tiny + " --max-steps 3 --output plain").code == 0);
  const Ran ran = call(folder, tiny + " --max-steps 3 --output verified --verify --json");
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(content(folder / "verified/weights/last.safetensors") == content(folder / "plain/weights/last.safetensors"));
  const auto largest = [](const json& verified, const std::string& wanted) {
    double most = -1;
    for (const auto& [name, difference] : verified.items())
      if (name.find(wanted) != std::string::npos) most = std::max(most, difference.get<double>());
    return most;
  };
  const json verified = json::parse(ran.out)["verified"];
  for (const char* op : {"conv2d", "batch_norm2d", "linear"})
    for (const char* result : {"f32: output", "f32: gradient of input 1"}) {
      CAPTURE(op);
      bool found = false;
      for (const auto& entry : verified.items())
        found = found || (entry.key().starts_with(op) && entry.key().ends_with(result));
      CHECK(found);
    }
  CHECK(largest(verified, "") < 2e-4);
  CHECK(ran.err.find("beside the reference") != std::string::npos);
  const Ran eval = call(folder, "eval --weights plain --split train --verify --json");
  INFO(eval.err);
  REQUIRE(eval.code == 0);
  CHECK(largest(json::parse(eval.out)["verified"], "conv2d") < 2e-4);
  CHECK(largest(json::parse(eval.out)["verified"], "conv2d") >= 0);
  const Ran nothing = call(folder, tiny + " --backend reference --verify");
  CHECK(nothing.code == 2);
  CHECK(nothing.err.find("--verify does nothing here") != std::string::npos);
}

TEST_CASE("a training leaves a complete run folder, and with --json one document on stdout") {
  const Folder folder;
  write_cifar(folder / "cifar", 100);
  const Ran ran = call(folder, tiny + " --epochs 2 --log-interval 1 --output run --json");
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const json result = json::parse(ran.out);
  CHECK(result["steps"] == 16);
  CHECK(result["run"] == "run");
  CHECK(result["best_top1"].is_number());
  for (const char* file : {"args.json", "metrics.csv", "metrics.jsonl", "weights/best.safetensors",
                           "weights/last.safetensors", "confusion.csv", "report.html"}) {
    CAPTURE(file);
    CHECK(fs::file_size(folder / (std::string("run/") + file)) > 0);
  }
  CHECK(fs::exists(folder / "run/checkpoint"));
  // a line for each of 16 steps and 2 validations
  const std::string lines = content(folder / "run/metrics.jsonl");
  REQUIRE(count_lines(lines) == 18);
  const json first = json::parse(lines.substr(0, lines.find('\n')));
  CHECK(first["step"] == 1);
  CHECK(first["epoch"] == 1);
  CHECK(first["lr"] == 0.05);
  CHECK(first["loss"].get<double>() > 0);
  CHECK(lines.find("\"val_top1\"") != std::string::npos);
  CHECK(content(folder / "run/metrics.csv").starts_with("step,epoch,loss,"));
  CHECK(count_lines(content(folder / "run/metrics.csv")) == 19);
  CHECK(count_lines(content(folder / "run/confusion.csv")) == 11);
  const std::string report = content(folder / "run/report.html");
  CHECK(report.find("<svg") != std::string::npos);
  CHECK(report.find("http") == std::string::npos);
}

TEST_CASE("the loss falls, and quiet is quiet") {
  const Folder folder;
  write_cifar(folder / "cifar", 100);
  const Ran ran = call(folder, tiny + " --epochs 8 --output run --quiet");
  CHECK(ran.code == 0);
  CHECK(ran.err == "");
  const std::string lines = content(folder / "run/metrics.jsonl");
  const json last = json::parse(lines.substr(lines.rfind('\n', lines.size() - 2) + 1));
  CHECK(last["val_top1"].get<double>() > 0.5);
}

TEST_CASE("in f64 the losses are PyTorch's, from the same seed on the same batches") {
  const Folder folder;
  write_cifar(folder / "cifar", 25);
  const std::string line =
      "train --data cifar --recipe none --precision f64 --init pytorch --seed 5 --no-shuffle --log-interval 1 "
      "--epochs 3 --mean 0.4914,0.4822,0.4465 --std 0.25,0.25,0.5" +
      tiny_net;
  const auto compare = [&](const std::string& options, const std::vector<double>& expected) {
    CAPTURE(options);
    const std::string run = "run-" + options.substr(6, 3);
    REQUIRE(call(folder, line + " " + options + " --output " + run).code == 0);
    std::vector<double> losses;
    std::istringstream lines(content(folder / (run + "/metrics.jsonl")));
    for (std::string text; std::getline(lines, text);)
      if (const json row = json::parse(text); row.contains("loss")) losses.push_back(row["loss"]);
    REQUIRE(losses.size() == expected.size());
    for (std::size_t i = 0; i < losses.size(); ++i) CHECK(std::abs(losses[i] - expected[i]) <= 1e-8);
  };
  compare("--opt sgd --lr 0.05 --momentum 0.9 --nesterov --weight-decay 5e-4", golden::losses_sgd);
  compare("--opt adamw --lr 0.002 --weight-decay 0.05 --smoothing 0.1", golden::losses_adamw);
}

TEST_CASE("f64 starting weights keep all their digits") {
  const Folder folder;
  write_cifar(folder / "cifar", 25);
  const std::string line = "train --data cifar --recipe none --precision f64 --max-steps 1" + tiny_net;
  REQUIRE(call(folder, line + " --lr 0.01 --init pytorch --output first").code == 0);
  const std::string weights = "first/weights/last.safetensors";
  REQUIRE(call(folder, line + " --lr 0 --initial-weights " + weights + " --output second").code == 0);
  const auto before = fanin::load_safetensors(folder / weights).tensors;
  const auto after = fanin::load_safetensors(folder / "second/weights/last.safetensors").tensors;
  REQUIRE(before.size() == after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::string& name = before[i].first;
    CAPTURE(name);
    if (name.find("running") != name.npos || name.find("num_batches") != name.npos) continue;  // a step moves them
    CHECK(before[i].second.dtype() == fanin::DType::f64);
    CHECK(before[i].second.values() == after[i].second.values());
  }
}

TEST_CASE("a run interrupted and resumed ends with the bits of one that was not") {
  const Folder folder;
  write_cifar(folder / "cifar", 100);
  const std::string line =
      tiny + " --epochs 6 --nesterov --sched onecycle --augment crop,flip --ema-decay 0.9 --seed 3 --log-interval 1";
  REQUIRE(call(folder, line + " --output whole").code == 0);
  for (const int signal : {SIGINT, SIGTERM, SIGKILL}) {
    CAPTURE(signal);
    const std::string run = "run" + std::to_string(signal);
    Running running(folder, words(line + " --output " + run));
    REQUIRE(running.reaches(folder / (run + "/metrics.jsonl"), 20));
    running.kill(signal);
    const int code = running.wait();
    CHECK(code == (signal == SIGKILL ? 128 + SIGKILL : 130));
    if (signal != SIGKILL) CHECK(fs::exists(folder / (run + "/report.html")));
    const Ran resumed = call(folder, "train --resume --output " + run);
    INFO(resumed.err);
    REQUIRE(resumed.code == 0);
    for (const char* file : {"weights/last.safetensors", "weights/best.safetensors", "confusion.csv"}) {
      CAPTURE(file);
      CHECK(content(folder / (run + "/" + file)) == content(folder / (std::string("whole/") + file)));
    }
    CHECK(count_lines(content(folder / (run + "/metrics.csv"))) == count_lines(content(folder / "whole/metrics.csv")));
  }
}

TEST_CASE("interrupted on the way to its last validation, a run still owes it") {
  const Folder folder;
  write_cifar(folder / "cifar", 2000);
  const std::string line =
      "train --data cifar --recipe none --lr 0.05 --val-split 0.9 --epochs 1 --log-interval 1" + tiny_net;
  REQUIRE(call(folder, line + " --output whole").code == 0);
  Running running(folder, words(line + " --output run"));
  REQUIRE(running.reaches(folder / "run/metrics.jsonl", 20));  // the last step's row; 1,800 images to validate
  running.kill(SIGINT);
  running.wait();
  const Ran resumed = call(folder, "train --resume --output run --json");
  INFO(resumed.err);
  REQUIRE(resumed.code == 0);
  CHECK(json::parse(resumed.out)["best_epoch"] == 1);
  for (const char* file : {"weights/last.safetensors", "weights/best.safetensors", "confusion.csv"})
    CHECK(content(folder / (std::string("run/") + file)) == content(folder / (std::string("whole/") + file)));
}

TEST_CASE("a run whose last weights cannot be written keeps the rest") {
  const Folder folder;
  write_cifar(folder / "cifar", 2000);
  Running running(folder, words(tiny + " --epochs 1 --log-interval 1 --output run"));
  REQUIRE(running.reaches(folder / "run/metrics.jsonl", 1));
  fs::create_directory(folder / "run/weights/last.safetensors");  // in the way
  CHECK(running.wait() == 3);
  CHECK(fs::exists(folder / "run/weights/best.safetensors"));
  CHECK(count_lines(content(folder / "run/metrics.csv")) > 100);
}

TEST_CASE("a finished run is not trained again, but can be trained for longer") {
  const Folder folder;
  write_cifar(folder / "cifar", 100);
  REQUIRE(call(folder, tiny + " --epochs 2 --output run").code == 0);
  const std::string weights = content(folder / "run/weights/last.safetensors");
  CHECK(call(folder, "train --resume --output run").code == 0);
  CHECK(content(folder / "run/weights/last.safetensors") == weights);
  CHECK(call(folder, "train --resume --output run --epochs 3").code == 0);
  REQUIRE(call(folder, tiny + " --epochs 3 --output three").code == 0);
  CHECK(content(folder / "run/weights/last.safetensors") == content(folder / "three/weights/last.safetensors"));
  const Ran other = call(folder, "train --resume --output run --lr 3");
  CHECK(other.code == 2);
  CHECK(other.err.find("--lr") != std::string::npos);
}

TEST_CASE("a resume that is refused leaves the run as it was, and one with nothing to do says so") {
  const Folder folder;
  write_cifar(folder / "cifar", 60);
  const std::string line = "train --data cifar --recipe none --lr 0.05 --epochs 1" + tiny_net;
  REQUIRE(call(folder, line + " --output run").code == 0);
  const std::string before = content(folder / "run/args.json");
  const Ran other = call(folder, "train --resume --output run --data shapes");
  CHECK(other.code == 2);
  CHECK(other.err.find("classes") != std::string::npos);
  CHECK(content(folder / "run/args.json") == before);
  const Ran done = call(folder, "train --resume --output run --json");
  CHECK(done.code == 0);
  CHECK(done.err.find("nothing is left to do") != std::string::npos);
  CHECK(json::parse(done.out)["loss"].is_number());
}

TEST_CASE("an existing folder is left alone unless told otherwise") {
  const Folder folder;
  write_cifar(folder / "cifar", 100);
  REQUIRE(call(folder, tiny + " --max-steps 2 --output run").code == 0);
  const std::string before = content(folder / "run/args.json");
  const Ran again = call(folder, tiny + " --max-steps 2 --output run");
  CHECK(again.code == 2);
  CHECK(again.err.find("--overwrite") != std::string::npos);
  CHECK(content(folder / "run/args.json") == before);
  CHECK(call(folder, tiny + " --max-steps 3 --output run --overwrite").code == 0);
  CHECK(content(folder / "run/args.json") != before);
  // a folder that is no run is never removed
  CHECK(call(folder, tiny + " --max-steps 3 --output cifar --overwrite").code == 2);
  CHECK(fs::exists(folder / "cifar/data_batch_1.bin"));
  CHECK(call(folder, "train --resume --output nowhere").code == 3);
  CHECK(call(folder, tiny + " --max-steps 1 --output out --experiment name").code == 0);
  CHECK(fs::exists(folder / "out/name/args.json"));
}

TEST_CASE("args.json feeds back and gives the same weights") {
  const Folder folder;
  write_cifar(folder / "cifar", 100);
  REQUIRE(call(folder, tiny + " --max-steps 5 --seed 7 --output first").code == 0);
  REQUIRE(call(folder, "train --config first/args.json --output second").code == 0);
  CHECK(content(folder / "first/weights/last.safetensors") == content(folder / "second/weights/last.safetensors"));
  REQUIRE(call(folder, "train --config first/args.json --seed 8 --output third").code == 0);
  CHECK(content(folder / "first/weights/last.safetensors") != content(folder / "third/weights/last.safetensors"));
}

TEST_CASE("without shuffling the last, smaller batch is kept") {
  const Folder folder;
  write_cifar(folder / "cifar", 25);
  REQUIRE(
      call(folder, "train --data cifar --recipe none --epochs 1 --log-interval 1 --no-shuffle --output run" + tiny_net)
          .code == 0);
  CHECK(count_lines(content(folder / "run/metrics.csv")) == 1 + 3 + 1);
  REQUIRE(call(folder, "train --data cifar --recipe none --epochs 1 --log-interval 1 --output mixed" + tiny_net).code ==
          0);
  CHECK(count_lines(content(folder / "mixed/metrics.csv")) == 1 + 2 + 1);
}

TEST_CASE("f64 trains, frozen parameters stay, several seeds report their spread") {
  const Folder folder;
  write_cifar(folder / "cifar", 60);
  CHECK(call(folder, tiny + " --max-steps 2 --precision f64 --output double").code == 0);
  CHECK(call(folder, tiny + " --max-steps 2 --freeze 'stage_*' 'bn_1.*' --output frozen").code == 0);
  const Ran unknown = call(folder, tiny + " --max-steps 2 --freeze 'stags_*' --output typo");
  CHECK(unknown.code == 2);
  CHECK(!fs::exists(folder / "typo"));
  const Ran ran = call(folder, tiny + " --max-steps 2 --seeds 0..1 --output many --json");
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const json result = json::parse(ran.out);
  CHECK(result["runs"].size() == 2);
  CHECK(result["best_top1"]["mean"].is_number());
  CHECK(fs::exists(folder / "many/seed-1/report.html"));
}

TEST_CASE("in bf16 the first losses are those of f32 to its precision, on any machine") {
  const Folder folder;
  write_cifar(folder / "cifar", 40);
  const auto losses = [&](const std::string& precision) {
    const Ran ran = call(
        folder, tiny + " --max-steps 2 --log-interval 1 --seed 3 --overwrite --output run --precision " + precision);
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    std::vector<double> result;
    std::istringstream lines(content(folder / "run/metrics.jsonl"));
    for (std::string line; std::getline(lines, line);)
      if (const json row = json::parse(line); row.contains("loss") && row["loss"].is_number())
        result.push_back(row["loss"]);
    return result;
  };
  const std::vector<double> exact = losses("f32");
  const std::vector<double> rounded = losses("bf16");
  REQUIRE(exact.size() >= 2);
  REQUIRE(rounded.size() == exact.size());
  for (std::size_t i = 0; i < exact.size(); ++i) CHECK(rounded[i] == doctest::Approx(exact[i]).epsilon(0.05));
}

TEST_CASE("a loss that is not finite ends with 4 and names the place") {
  const Folder folder;
  write_cifar(folder / "cifar", 60);
  const Ran ran = call(folder, "train --data cifar --recipe none --lr 1e30 --epochs 3 --output run --json" + tiny_net);
  INFO(ran.err);
  CHECK(ran.code == 4);
  const json result = json::parse(ran.out);
  CHECK(result["diagnosis"]["operator"].get<std::string>() != "");
  CHECK(ran.err.find("not finite") != std::string::npos);
}

TEST_CASE("what cannot be written is said clearly, with 3") {
  const Folder folder;
  write_cifar(folder / "cifar", 60);
  const Ran blocked = call(folder, tiny + " --max-steps 1 --output cifar/data_batch_1.bin/run");
  CHECK(blocked.code == 3);
  CHECK(blocked.err.find("cifar/data_batch_1.bin/run") != std::string::npos);
  // no file may grow beyond a few blocks: weights and checkpoint do not fit
  const Ran full = call(folder, tiny + " --max-steps 12 --output run", "ulimit -f 8;");
  INFO(full.err);
  CHECK(full.code == 3);
  CHECK(full.err.find(".safetensors") != std::string::npos);
  CHECK(!fs::exists(folder / "run/weights/last.safetensors"));
}

TEST_CASE("impossible wishes are refused before anything is written") {
  const Folder folder;
  write_cifar(folder / "cifar", 20);
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"--batch-size 21", "--batch-size"},
      {"--batch-size 0", "--batch-size: expected 1 or more"},
      {"--max-steps 0", "--max-steps"},
      {"--sched step --gamma -1", "--gamma"},
      {"--sched multistep --milestones 1.5", "--milestones"},
      {"--precision f16", "--precision"},
      {"--epochs 2 --max-steps 3", "--max-steps"},
      {"--epochs -1", "--epochs"},
      {"--opt sdg", "--opt"},
      {"--sched onecycle --warmup-epochs 1", "warm"},
      {"--patience 3", "--val-split"},
      {"--model resnex", "resnext"},
      {"--model-arg dept=11", "depth"},
      {"--recipe shape", "shapes"},
      {"--lr fast", "--lr"},
      {"--augment crop,flop", "flop"},
      {"--val-split 1.5", "--val-split"},
      {"--mean 0.5", "--mean"},
      {"--opt adam --nesterov", "--nesterov"},
      {"--backend cuda", "--backend"},
      {"--backend simd", "auto, reference, blas"},
      {"--learning-rate 1", "--learning-rate"},
      {"--seeds 3..1", "--seeds"},
      {"--init kaming_normal", "kaiming_normal"},
  };
  for (const auto& entry : wrong) {
    const auto& option = entry.first;
    const auto& mentions = entry.second;
    CAPTURE(option);
    const std::string epochs = option.find("max-steps 0") == option.npos ? " --epochs 1" : "";
    const Ran ran =
        call(folder, "train --data cifar --recipe none --model resnext --output run" + epochs + " " + option);
    INFO(ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.err.find(mentions) != std::string::npos);
    CHECK(!fs::exists(folder / "run"));
  }
  fs::resize_file(folder / "cifar/data_batch_1.bin", 3073 * 20 - 5);
  CHECK(call(folder, "train --data cifar --output run").code == 3);
  CHECK(call(folder, "train --data nowhere --output run").code == 3);
  CHECK(!fs::exists(folder / "run"));
}
