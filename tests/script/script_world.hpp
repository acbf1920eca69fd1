// script_world.hpp: a few nodes and one clock, without chance: everything that happens follows from
// the verbs of the script. Everything observable is returned as text.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/core/node.hpp"

namespace tandem::script {

class ScriptWorld {
 public:
  // Executes one line of a script and returns what happened, a line for each event.
  std::string run(const std::string& line);

 private:
  struct Computer {
    core::Options options;
    core::Stored stored;               // what is durable
    std::unique_ptr<core::Node> node;  // null while it is down
    std::deque<core::Write> writes;    // not durable yet
    std::vector<core::Outbound> held;
    core::WriteNumber durable;
    bool disk_held = false;
    bool announcing_held = false;
    bool grants = false;                       // reports its state, and wants grants to be in use
    bool state_held = false;                   // ... but applies nothing for now
    std::optional<Term> grants_reported_in{};  // 0: not as a primary
    std::uint64_t lives = 0;
  };

  using Words = std::vector<std::string>;
  void cluster(const Words& words, bool pair, bool grants = false);
  void fresh(const Words& words);
  void add(const std::string& name, bool witness, const Words& masters);
  void boot(const std::string& name);
  void pass(Duration time, bool delivering);
  void deliver(const Words& words);
  void deliver_all();
  void settle_disk(const std::string& name);
  void drop(const Words& words);
  void cut(const std::string& a, const std::string& b);
  void wipe(const std::string& name);
  void registered(const Words& words, bool late);
  void joins(const std::string& name, Words others);
  void masters(const Words& words);
  void snapshot(const std::string& name);
  std::string granted(const core::Node& node) const;
  void report_state(const std::string& name);
  void status();
  void step(const std::string& name, core::Input input);
  void carry_out(const std::string& name);
  void send(core::Message message);
  void say(const std::string& line) { seen_ += line + "\n"; }
  Computer& at(const std::string& name);

  std::map<std::string, Computer> computers_;
  std::deque<core::Message> messages_;
  std::set<std::pair<std::string, std::string>> cuts_;
  Instant now_{Duration(10s)};
  std::uint64_t incarnations_ = 0;
  std::uint64_t proposals_ = 0;
  core::Outputs outputs_;
  std::string seen_;
  bool quiet_heartbeats_ = true;
};

}  // namespace tandem::script
