#include "tests/e2e/upgradable_master.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/wire/status.hpp"

namespace tandem::e2e {

bool is_alive(pid_t process) {
  const auto stat = read_file(fmt::format("/proc/{}/stat", process));
  const auto name_ends = stat.rfind(')');
  return name_ends != stat.npos && stat[name_ends + 2] != 'Z';
}

void write_script(const std::string& path, const std::string& script) {
  std::filesystem::remove(path);
  std::ofstream(path) << "#!/bin/sh\n" << script;
  ::chmod(path.c_str(), 0755);
}

UpgradableMaster::UpgradableMaster(const Arguments& arguments, const std::string& listen,
                                   const std::string& control)
    : program_(dir_.path("bin") + "/tandem-master") {
  std::filesystem::create_directory(dir_.path("bin"));
  install();
  Arguments command{program_, "--control", control, "--worker-heartbeat", "200ms"};
  const bool has_directory =
      std::find(arguments.begin(), arguments.end(), "--data-dir") != arguments.end();
  if (!has_directory) command.insert(command.end(), {"--data-dir", dir_.path("data")});
  if (!listen.empty()) command.insert(command.end(), {"--listen", listen});
  command.insert(command.end(), arguments.begin(), arguments.end());
  first_ = std::make_unique<Process>(dir_, "master", command);
  const auto ready = first_->await_line("tandem-master ready");
  listen_ = field_of(ready, listen.empty() ? "listen-tls" : "listen");
  control_ = field_of(ready, "control");
  for (const auto* const name : {"w1", "w2"}) start_worker(name);
  REQUIRE(await_workers());
}

void UpgradableMaster::install() {
  std::filesystem::remove(program_);
  std::filesystem::copy_file(program("tandem-master"), program_);
}

void UpgradableMaster::start_worker(const std::string& name) {
  workers_[name] =
      std::make_unique<Process>(dir_, fmt::format("{}-{}", name, ++starts_),
                                Arguments{program("tandem-worker"), "--name", name, "--listen",
                                          "127.0.0.1:0", "--master", control_});
}

bool UpgradableMaster::await_workers() const {
  return eventually([&] {
    const auto status = tandem::wire::parse_status(get(control_, "/status").body);
    return status.ok() && status->workers.size() == 2 &&
           std::all_of(status->workers.begin(), status->workers.end(),
                       [](const auto& worker) { return worker.state == "up"; });
  });
}

pid_t UpgradableMaster::process() const {
  const auto status = tandem::wire::parse_status(get(control_, "/status").body);
  return status.ok() && status->process ? static_cast<pid_t>(status->process->pid) : 0;
}

Finished UpgradableMaster::upgrade() const {
  return run({program("tandem"), "--control", control_, "upgrade"});
}

bool UpgradableMaster::has_taken_over() const {
  const auto log = errors();
  const std::string begun = "upgrade begun pid=";
  const auto last = log.rfind(begun);
  if (last == log.npos) return false;
  const auto pid = std::atoi(log.c_str() + last + begun.size());
  return log.find(fmt::format("the new process serves pid={}\n", pid)) != log.npos;
}

bool UpgradableMaster::await_end(pid_t process) const {
  const auto is_known_gone = [&] {
    const auto status = tandem::wire::parse_status(get(control_, "/status").body);
    return status.ok() && !status->former_process;
  };
  return eventually([&] { return !is_alive(process); }) && eventually(is_known_gone);
}

bool UpgradableMaster::serves() const { return get(listen_, "/").status == 200; }

}  // namespace tandem::e2e
