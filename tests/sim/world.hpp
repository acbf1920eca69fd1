// world.hpp: a deterministic world of masters, workers and clients, run by one queue of events. The
// same seed gives the same history, bit for bit; digest() proves it.
//
// Nothing ticks: time jumps from one event to the next, so quiet hours cost only their heartbeats.
//
// Owner: one thread; several worlds may live in several threads, but for core::rules in a mutation
// build.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/checker.hpp"
#include "tests/sim/machine.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/profile.hpp"
#include "tests/sim/trace.hpp"

namespace tandem::sim {

struct Statistics {
  std::array<std::uint64_t, fault_kinds> faults{};
  std::uint64_t events = 0;
  std::uint64_t messages = 0;
  std::uint64_t healings = 0;
  Duration longest_healing{0};
  std::uint64_t requests = 0;          // forwarded to workers
  std::uint64_t refused_requests = 0;  // ... and refused by the fence (R10)
  std::uint64_t answers = 0;           // to questions about the state
  std::uint64_t drains = 0;            // answered
  std::uint64_t granted_requests = 0;  // forwarded by masters that do not lead
  Duration longest_drain{0};
};

class World {
 public:
  World(std::uint64_t seed, Profile profile, Trace& trace);

  // Runs for so long, with the profile's faults. Throws Violation.
  void run(SimTime length);
  SimTime now() const { return now_; }
  std::uint64_t digest() const { return digest_; }
  const Statistics& statistics() const { return statistics_; }
  const Checker& checker() const { return checker_; }
  std::vector<std::string> names() const;

  // For stories: no faults but these.
  void run_quietly(SimTime length);
  void establish();  // until the cluster is complete and healthy
  std::uint32_t find(std::string_view name) const;
  std::uint32_t primary() const;  // REQUIRES: there is one
  std::uint32_t standby() const;  // a master that is not primary
  std::uint32_t witness() const;
  void kill(std::uint32_t machine, bool says_so);
  void start(std::uint32_t machine);
  void cut_off(std::uint32_t machine, std::optional<std::uint32_t> but_for);
  void mend_all();

 private:
  // world.cpp
  void build(const Profile& profile);
  void add_machine(const std::string& name, bool is_master, bool has_state_directory);
  void pass(SimTime until);
  void happen(const Event& event);
  void at_machine(const Event& event, Machine& machine);
  void plan(SimTime delay, EventKind kind, std::uint32_t target, std::uint32_t other = 0,
            std::uint64_t number = 0, std::uint64_t life = 0);
  std::string ailment() const;  // what keeps the cluster from being healthy; empty: nothing
  bool is_led(const Machine& removed, const Machine& leader) const;
  void must_heal();
  void note(const Machine& machine, const std::string& what);
  void note_lapses();

  // shell.cpp: what the programs around the core would do
  void boot(Machine& machine);
  void step(Machine& machine, core::Input input);
  bool is_outsider(const core::Message& message, const Machine& receiver) const;
  void carry_out(Machine& machine);
  void send(Machine& from, core::Message message);
  void transmit(std::uint32_t from, std::uint32_t to, core::Message message);
  void deliver(Machine& machine, std::uint64_t place);
  void plan_tick(Machine& machine);
  void became(Machine& machine, const core::RoleChange& change);
  Duration how_long_applying_takes();
  void apply_later(Machine& machine);
  void apply_piece(Machine& machine);
  void apply(Machine& machine, std::size_t count);
  void apply(Machine& machine, const core::Entry& entry);
  void take_snapshot(Machine& machine);
  void refuse_writes(Machine& machine);
  void disk_failed(Machine& machine, std::uint32_t refusal);
  void reset_connections(std::uint32_t machine);
  void reconnect(Machine& machine, std::uint32_t other);
  void try_to_connect(const Machine& machine, std::uint32_t other);

  // workers.cpp
  void beat(Machine& worker);
  void hear(Machine& master, std::uint32_t worker, std::uint64_t incarnation);
  void scan(Machine& master);
  void forget_absent(Machine& master);
  void report_registered(Machine& master);
  void propose_own(Machine& master, std::string change);
  void announce(Machine& master, Term term);
  void told(Machine& worker, std::uint32_t master, Term term);
  void announced(Machine& master, std::uint32_t worker, Term term);
  void request(Machine& worker, Term term);

  // clients.cpp
  struct Client {
    std::uint64_t number = 0;
    std::uint64_t sequence = 0;
    bool waiting = false;
    std::uint32_t target = 0;
    SimTime sent{0};
  };
  void act(std::uint32_t client);
  void propose(Machine& master, std::uint32_t client, std::uint64_t sequence);
  void ask();
  void answer(const Machine& master, LogIndex known_before);
  void acknowledge(std::uint32_t client, std::uint64_t sequence);

  // grants.cpp
  void drain_some();
  void note_grant(Machine& machine);
  void report_applied(Machine& machine);
  void answer_drains(Machine& machine);
  bool has_everybody_serve() const;

  // operators.cpp
  Machine* who_answers();
  bool has_lost_disk(const core::Configuration& configuration) const;
  void operate();
  void clear_away();
  void disturb(const Machine& leader);
  void bring(Machine& comer, const Machine& leader);
  core::ClusterId cluster_id() const;
  bool is_said_to_be_gone(const Machine& master, const Machine& leader) const;
  bool belongs(const Machine& master) const;
  void tend_masters(Machine& master);
  std::vector<core::NodeId> masters_told(const Machine& machine) const;

  // nemesis.cpp
  struct Fault {
    std::uint64_t number = 0;
    FaultKind kind{};
    std::uint32_t machine = 0;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> cuts;
  };
  void plan_fault();
  void inject();
  bool inject(FaultKind kind, Fault& fault);
  void hit_change_of_voters(const Machine& primary);
  void maybe_ambush(const Machine& machine, Duration within);
  void ambush(std::uint32_t machine);
  void begin(Fault fault);
  void end_fault(std::uint64_t number);
  void undo(Fault& fault);
  void calm_down();
  void cut_both(Fault& fault, std::uint32_t a, std::uint32_t b);
  void cut_one(Fault& fault, std::uint32_t from, std::uint32_t to);
  void isolate(Fault& fault, std::uint32_t machine);
  void stop(Machine& machine, bool says_so);
  void freeze(Machine& machine);
  void replan_tick(Machine& machine);
  void thaw(Machine& machine);
  bool may_lose_disk(const Machine& machine) const;
  void lose_disk(Machine& machine);
  std::uint32_t any_machine();
  Duration between(Duration shortest, Duration longest);

  SplitMix64 random_;
  Profile profile_;
  Trace& trace_;
  Checker checker_;
  Statistics statistics_;
  SimTime now_{0};
  std::uint64_t digest_ = 0;
  EventQueue events_;
  std::vector<Machine> machines_;
  std::vector<core::NodeId> master_ids_;  // the spare ones too
  std::vector<std::uint32_t> founders_;
  SimTime master_goes_until_{0};  // an operator's word that removes one is on its way
  std::optional<Network> network_;
  std::vector<Client> clients_;
  core::Timing timing_;
  std::size_t append_entries_max_ = 64;
  std::size_t log_entries_max_ = 64;
  bool faults_on_ = false;
  std::vector<Fault> faults_;
  std::uint64_t fault_numbers_ = 0;
  std::deque<core::Message> messages_;  // on their way, by place
  std::vector<std::uint64_t> free_places_;
  std::vector<core::Message> old_messages_;  // for replay
  core::Outputs outputs_;
};

// A heartbeat without news, or its answer.
bool is_steady(const core::Message& message);

}  // namespace tandem::sim
