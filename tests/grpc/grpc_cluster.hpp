// grpc_cluster.hpp: two masters, a worker that votes, and servers of gRPC that know nothing of
// Tandem, each behind a tandem-worker. All real processes; their calls are routed to the service
// "interop".
//
// Owner: the test's thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e {

enum class Language { cpp, python, go, js };

// Go and JavaScript are, when their libraries were there for the build (tests/grpc/CMakeLists.txt).
bool is_installed(Language language);

class GrpcCluster {
 public:
  // `settings` of the service, each KEY=VALUE; `arguments`: of both masters.
  explicit GrpcCluster(const std::vector<std::string>& settings = {},
                       const Arguments& arguments = {});

  PairCluster& masters() { return masters_; }
  // A server, and a tandem-worker that registers it with a check by gRPC; waits until
  // both masters find it up. `arguments`: of the server.
  void start_server(const std::string& name, Language language, const Arguments& arguments = {});
  // The server alone, at its address if it had one.
  Process& launch_server(const std::string& name, Language language,
                         const Arguments& arguments = {});
  // A tandem-worker for a target; the caller waits for what becomes of it.
  Process& launch_worker(const std::string& name, const std::string& target,
                         const Arguments& arguments);
  Process& server(const std::string& name) { return *servers_.at(name); }
  Process& worker(const std::string& name) { return *workers_.at(name); }
  const std::string& address(const std::string& server) const { return addresses_.at(server); }
  // As every master says it.
  bool await_state(const std::string& worker, const std::string& state) const;

  // A client that has been started with these cases, at these addresses.
  std::unique_ptr<Process> call(Language language, const std::string& target,
                                const std::vector<std::string>& cases);
  // The same to its end: its output; throws when it goes on for too long.
  std::string finish(Language language, const std::string& target,
                     const std::vector<std::string>& cases);
  // Clients in Python that are started from now on speak TLS, as interop_client.py has it.
  void speak_tls(const std::string& authority, const std::string& certificate = {});
  // A target of gRPC with all masters, the first of them first.
  std::string both(const std::string& first) const;

 private:
  Arguments command(Language language, const std::string& program) const;

  PairCluster masters_;
  std::map<std::string, std::string> addresses_;
  std::map<std::string, std::unique_ptr<Process>> servers_;
  std::map<std::string, std::unique_ptr<Process>> workers_;
  Arguments environment_;  // of clients in Python
  int clients_ = 0;
};

// Those of gRPC's interoperability tests that each client has.
const std::vector<std::string>& interop_cases();
// What a client has said from its first case that is not well on; "": all of them are.
std::string complaint(const std::string& said, const std::vector<std::string>& cases);

// What a client has printed: this somewhere; so many calls of its case load more than until now;
// its last line.
bool await_output(const Process& client, const std::string& text);
bool await_more_calls(const Process& client, int calls);
std::string last_line(const Process& client);

}  // namespace tandem::e2e
