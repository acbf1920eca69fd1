// masters.hpp: masters that join and leave, and one worker that any of them probes.
//
// Owner: the test's thread. A master keeps its addresses and its directory when it is started
// again.
#pragma once

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/process.hpp"
#include "tests/e2e/harness/temp_dir.hpp"

namespace tandem::e2e {

using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

class Masters {
 public:
  Masters() {
    worker_ =
        std::make_unique<Process>(dir_, "worker",
                                  Arguments{program("tandem-worker"), "--name", "w", "--listen",
                                            "127.0.0.1:0", "--master", "127.0.0.1:1"});
    worker_at_ = field_of(worker_->await_line("tandem-worker ready"), "listen");
  }

  // Starts it, for the first time or again, on the address and the directory that it had. A master
  // that is bound to all addresses needs the token, and so do its callers.
  void start(const std::string& name, Arguments flags = {}, const std::string& bind = "127.0.0.1") {
    auto& master = masters_[name];
    Arguments command{program("tandem-master"),
                      "--node",
                      name,
                      "--data-dir",
                      dir_.path(name),
                      "--listen",
                      master.listen.empty() ? "127.0.0.1:0" : master.listen,
                      "--control",
                      master.control.empty() ? bind + ":0" : master.bound,
                      "--worker-heartbeat",
                      "100ms"};
    command.insert(command.end(), flags.begin(), flags.end());
    master.process.reset();
    master.process =
        std::make_unique<Process>(dir_, fmt::format("{}-{}", name, ++starts_), command);
    const auto line = master.process->await_line("tandem-master ready");
    master.listen = field_of(line, "listen");
    master.bound = field_of(line, "control");
    master.control = "127.0.0.1" + master.bound.substr(master.bound.rfind(':'));
  }

  // As soon as there is a primary.
  void add_worker(const std::string& master) {
    const auto body = fmt::format(R"({{"name":"w","address":"{}"}})", worker_at_);
    REQUIRE(eventually([&] { return post(control(master), "/v1/workers", body).status == 201; }));
  }

  void add_master(const std::string& master, const std::string& name) {
    CHECK(tandem(master, {"master", "add", name, control(name)}).status == 0);
  }

  Finished tandem(const std::string& master, Arguments words) {
    words.insert(words.begin(), {program("tandem"), "--control", control(master)});
    return run(words);
  }

  std::set<std::string> voters(const std::string& master) const {
    std::set<std::string> names;
    const auto answer = get(control(master), "/status");
    if (answer.status != 200) return names;
    const auto status = Json::parse(answer.body);
    for (const auto& voter : status.at("voters")) names.insert(voter.at("name"));
    return names;
  }
  bool await_voters(const std::string& master, const std::set<std::string>& names) const {
    return eventually([&] { return voters(master) == names; });
  }

  // The master's own status; null while it does not answer.
  Json status(const std::string& master) const {
    const auto answer = get(control(master), "/status");
    return answer.status == 200 ? Json::parse(answer.body) : Json();
  }
  // As the master knows it; empty while it knows none.
  std::string primary(const std::string& master) const {
    const auto known = status(master);
    if (known.is_null() || known.at("primary").is_null()) return {};
    return known.at("primary").at("node").get<std::string>();
  }

  void stop(const std::string& name) { masters_.at(name).process.reset(); }

  bool is_protected(const std::string& master) const {
    const auto answer = get(control(master), "/status");
    return answer.status != 200 || Json::parse(answer.body).at("protected").get<bool>();
  }

  const TempDir& dir() const { return dir_; }
  Process& process(const std::string& name) { return *masters_.at(name).process; }
  const std::string& control(const std::string& name) const { return masters_.at(name).control; }
  const std::string& listen(const std::string& name) const { return masters_.at(name).listen; }

 private:
  struct Master {
    std::string listen;
    std::string control;
    std::string bound;
    std::unique_ptr<Process> process;
  };

  TempDir dir_;
  std::unique_ptr<Process> worker_;
  std::string worker_at_;
  int starts_ = 0;
  std::map<std::string, Master> masters_;
};

}  // namespace tandem::e2e
