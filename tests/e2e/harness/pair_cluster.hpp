// pair_cluster.hpp: masters that stand by for each other, and workers that vote, as real processes.
//
// Masters name each other by their control addresses, so those are chosen before any process
// starts, below the range from which the kernel assigns ports, so that a killed master finds its
// own port free again. With a Network every process has a host of its own.
//
// Ended with the object; logs as temp_dir.hpp says. Owner: the test's thread (see process.hpp);
// asking a master is for any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/harness/certificates.hpp"
#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/network.hpp"
#include "tests/e2e/harness/process.hpp"
#include "tests/e2e/harness/temp_dir.hpp"
#include "tests/e2e/harness/tokens.hpp"

namespace tandem::e2e {

// GET /status of one master.
struct MemberView {
  std::string cluster;
  std::string role;  // primary | standby | candidate
  std::uint64_t term = 0;
  bool is_protected = false;
  std::string mode;  // pair | quorum
  std::string protection;
  std::string failure;  // why it cannot take part as it should
  std::string primary;  // the name of the one that leads
  bool in_sync = false;
  unsigned feature_level = 0;
  std::set<std::string> voters;
  std::map<std::string, WorkerView> workers;
};

struct PairClusterOptions {
  std::vector<std::string> masters{"a", "b"};
  Arguments arguments;  // for every master
  Arguments worker_arguments{};
  // Where each of them serves clients, at all addresses of its host; 0: one of its own.
  int port = 0;
  // What a master or worker is started with instead of directly, {"unshare", "-m", ...}, and its
  // directory when it is not the usual one: by name.
  std::map<std::string, Arguments> prefixes;
  std::map<std::string, std::string> data_dirs;
  std::map<std::string, std::string> state_dirs;  // of workers that vote
  // The workers note what they execute (recording_worker.cpp) instead of being tandem-worker.
  bool recording = false;
  // Those of them that speak HTTP/2 (recording_h2_worker.cpp).
  std::set<std::string> speak_http2{};
  // Each process, and the test as an operator, has a token of its own; see tokens().
  bool tokens = false;
  // Each has a certificate of its own, and control addresses speak TLS; see certificates().
  bool certificates = false;
  // --coordinator, in place of --peer.
  std::string coordinator{};
  bool inner = false;          // each takes requests that are passed on at an address for that
  Network* network = nullptr;  // with a host for every master and worker; null: loopback
};

// With inner addresses, too.
PairClusterOptions with_certificates(std::vector<std::string> masters = {"a", "b"});

class PairCluster {
 public:
  // Starts the masters; they may have no primary yet.
  explicit PairCluster(PairClusterOptions options = {});
  ~PairCluster();

  const TempDir& dir() const { return dir_; }
  const PairClusterOptions& options() const { return options_; }
  const std::vector<std::string>& names() const { return options_.masters; }

  // REQUIRES: options.tokens. Masters have the keys of their names, workers too, which may vote,
  // and the test is "ops".
  Tokens& tokens() { return *tokens_; }
  // Writes the file, and has all masters that run read it again.
  void reload_tokens();

  // REQUIRES: options.certificates. As with tokens; the test is the operator "ops".
  Certificates& certificates() { return *certificates_; }
  // All masters and workers that run read them again.
  void reload_certificates();
  // Who asks the control address of that master, as the test or as somebody else.
  Client client(const std::string& name, Milliseconds timeout = patience) const;
  Client client(const std::string& name, const ClientCertificate& self) const;

  // ---- masters
  Process& master(const std::string& name) { return *masters_.at(name).process; }
  const std::string& listen(const std::string& name) const { return masters_.at(name).listen; }
  const std::string& control(const std::string& name) const { return masters_.at(name).control; }
  // REQUIRES: options.inner
  const std::string& inner(const std::string& name) const { return masters_.at(name).inner; }
  std::string data_dir(const std::string& name) const;
  std::string state_dir(const std::string& worker) const;
  // Starts it again, on the same addresses and directory; returns when it says that it is ready.
  // REQUIRES: it has ended.
  void start_master(const std::string& name);
  // Replaces PairClusterOptions::arguments for masters that are started from now on.
  void set_arguments(Arguments arguments) { options_.arguments = std::move(arguments); }
  // The same for workers.
  void set_worker_arguments(Arguments arguments) {
    options_.worker_arguments = std::move(arguments);
  }
  // Without waiting for anything. REQUIRES: it has ended.
  void launch_master(const std::string& name);
  // A frozen master is not asked who leads.
  void freeze(const std::string& name);
  void thaw(const std::string& name);

  // ---- workers
  enum class Votes { yes, no };
  // Starts it, with a state directory if it should vote; returns when it is ready, although it may
  // not vote yet. A name that was used before gets its directory and port again.
  Process& start_worker(const std::string& name, Votes votes = Votes::yes);
  Process& worker(const std::string& name) { return *workers_.at(name).process; }
  // Starts them and waits as await_whole() does.
  void start_workers(const std::vector<std::string>& names);

  // ---- what the masters report
  MemberView status(const std::string& name) const;  // throws when it does not answer
  Answer ask(const std::string& name, const std::string& path) const;  // GET at its control address
  Answer tell(const std::string& name, const std::string& path,
              const std::string& body = {}) const;  // POST there
  // Any request there; `timeout` is of connecting and of each read.
  Answer send(const std::string& name, const std::string& method, const std::string& path,
              const std::string& body, Milliseconds timeout) const;
  Headers authorization() const;  // what these present: nothing, or a token
  // Those that answer GET /primary with 200.
  std::vector<std::string> primaries() const;
  // Waits until there is exactly one primary, and returns it. Throws after the deadline.
  std::string await_primary(Milliseconds deadline = patience) const;
  std::string standby_of(const std::string& primary) const;
  // Waits for a primary, with every other master in sync, every running worker up according to each
  // master, and protection when three vote. Empty when that came true; otherwise what was missing
  // at the end.
  std::string await_whole(Milliseconds deadline = patience) const;

  // ---- what the recording workers executed, in the order of each: by worker
  struct Execution {
    std::string id;  // of a POST; "-" for all other methods
    std::uint64_t term = 0;
    std::int64_t at_ms = 0;  // CLOCK_BOOTTIME
  };
  std::map<std::string, std::vector<Execution>> executions() const;
  // How often each POST was executed, by its id, at all workers together.
  std::map<std::string, unsigned> posts_executed() const;
  // The first request that a worker executed under a lower term than one that it had executed well
  // before; empty when there is none. Two requests at almost the same time may have been reordered
  // between the fence and the handler.
  std::string first_stale_execution() const;
  // How long workers have been executing under the highest term, according to their last notes.
  std::int64_t ms_in_latest_term() const;

 private:
  struct Master {
    std::string listen;
    std::string control;
    std::string inner;  // empty: it has none
    std::unique_ptr<Process> process;
    bool frozen = false;
  };
  struct Worker {
    std::string listen;
    bool votes = false;
    std::unique_ptr<Process> process;
  };

  std::string address_on(const std::string& host);
  std::unique_ptr<Process> run(const std::string& host, const Arguments& command);
  std::string what_is_missing() const;
  void make_tokens();

  TempDir dir_;
  PairClusterOptions options_;
  std::string token_file_;  // empty: loopback needs none
  std::optional<Tokens> tokens_;
  std::optional<Certificates> certificates_;
  int starts_ = 0;
  std::map<std::string, Master> masters_;
  std::map<std::string, Worker> workers_;
};

}  // namespace tandem::e2e
