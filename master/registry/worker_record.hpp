// worker_record.hpp: all that the registry knows about one worker, and the state that follows from
// it.
//
// The state is never stored: it is derived from what the worker reports (condition), what is
// observed (liveness, suspicion) and what an operator decided (drained, weight), so that these
// cannot contradict each other.
//
// Owner: the registry.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/time.hpp"
#include "common/tls/credentials.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/status.hpp"
#include "master/registry/failure_kind.hpp"
#include "master/registry/health_check.hpp"
#include "master/registry/liveness.hpp"
#include "master/registry/snapshot.hpp"
#include "master/registry/success_rate.hpp"
#include "master/registry/suspicion.hpp"

namespace tandem::master {

enum class WorkerKind {
  tandem,      // registers itself, heartbeats
  configured,  // given by --backend, probed
  added,       // added through the control API, probed
  discovered,  // read from a registry of others (--discover), probed
};

enum class WorkerState { up, suspect, down, draining };
const char* to_string(WorkerState state);

// What a worker last said of itself in full, with a number that stands for it from then on
// (common/wire/repeated_heartbeat.hpp).
struct KeptDocument {
  std::uint64_t sequence = 0;  // 0: there is none
  // From whom it came, and what had been decided then about who may come. A repetition counts where
  // it comes with the same.
  std::shared_ptr<const void> caller{};
  std::string host{};
  std::uint64_t admissions = 0;
  std::string warning{};    // what was found wrong with it
  std::uint64_t reply = 0;  // the version of the reply that the worker has been given
};

struct WorkerRecord {
  WorkerId id{};
  WorkerKind kind = WorkerKind::tandem;
  std::string name{};
  std::string service{};
  Endpoint address{};                 // numeric, except for a backend whose name was never resolved
  std::vector<Endpoint> addresses{};  // all addresses of a backend's name; empty: only `address`
  std::string unresolved{};   // why its name has no address; empty: it has one, or is numeric
  std::string incarnation{};  // of a Tandem worker
  std::string replaced_incarnation{};  // the previous one, which may still be alive; empty: none
  // Incarnations of other workers that had its address before, the oldest first.
  std::vector<std::string> predecessors{};

  unsigned own_weight = 0;  // advertised or configured
  unsigned connections = 0;
  bool takes_term = false;
  std::optional<wire::WorkerProtocol> protocol{};  // that it says it speaks
  bool serves_tls = false;                         // by its certificate of the cluster
  // With it, if it does and this master has a certificate; null: as its service says.
  std::shared_ptr<const tandem::tls::WorkerTls> tls{};
  // Derived from the cluster's secret; empty: there is none yet, or the worker takes no term.
  std::string term_key{};
  std::string cookie{};
  // What it has shown as it was heard last; nothing: it was heard in clear, or not at all.
  std::optional<tandem::tls::Peer> certificate{};
  std::string
      distrust{};  // why that counts no more since the files were read again; empty: it does
  std::optional<wire::WitnessOffer> witness{};
  wire::WorkerCondition condition = wire::WorkerCondition::up;
  Instant left_at = Instant::never();  // attentive time of its `bye`

  bool drained = false;                      // decided by an operator
  std::optional<unsigned> weight_decided{};  // by an operator; takes precedence over own_weight

  Liveness liveness;
  Suspicion suspicion;
  std::optional<FailureKind> last_failure{};  // the one that made it suspect
  Instant held_until = Instant::never();      // until when it stays suspect, by the real clock
  // It has refused a connection since it was last heard: its process has ended, and whatever
  // answers there later is another one.
  bool has_refused = false;
  bool is_proven = false;  // it has answered a challenge since it fell silent
  CheckResults checks = CheckResults::passing();
  std::optional<ProbeFailure> check_failure{};  // the last
  bool checked = false;                         // it heartbeats, and its service has check_workers
  std::optional<Instant> last_good{};  // real time of the last heartbeat or good probe, for people
  std::shared_ptr<WorkerCounters> counters{};
  Outcomes counted{};             // the counters' good and bad at the last review
  std::string ejection_reason{};  // set if the registry ejected it
  KeptDocument document{};
  unsigned elsewhere_before = 0;  // in flight elsewhere, according to the last heartbeat but one
  bool last_resort = false;       // published although it is not up (panic.hpp)
  bool on_trial = false;          // it was ejected as a worker of last resort
  WorkerState told = WorkerState::up;  // told_state() as it was told last
  // Its entry in snapshots; null after a change, until the next snapshot is built.
  std::shared_ptr<const SnapshotWorker> shown{};

  bool is_probed() const { return kind != WorkerKind::tandem; }
  // An operator has put it at its address, which no other worker gets.
  bool is_put() const { return kind == WorkerKind::configured || kind == WorkerKind::added; }
  // It has joined according to the state, but this master has not heard it.
  bool is_unheard() const { return kind == WorkerKind::tandem && incarnation.empty(); }
  bool has_left() const { return condition == wire::WorkerCondition::bye; }
  unsigned weight() const { return weight_decided.value_or(own_weight); }
  WorkerState state() const;
  // Why it is not up, one short sentence; empty when up.
  std::string reason() const;
  // Why it is ejected; empty if it is not.
  std::string reason_of_ejection() const;
  // It has refused TLS with this master, and not accepted it since; and in which words.
  bool refuses_tls() const { return counters->tls_alert.load(std::memory_order_relaxed) != 0; }
  std::string reason_of_tls() const;
  // The state, and why, as people are told: one that refuses TLS is suspect until it has accepted
  // it, however good its heartbeats are, and though it is tried again now and then.
  WorkerState told_state() const;
  std::string told_reason() const;
  // It would get traffic if it were healthy. A backend that was never healthy does not count.
  bool is_wanted() const;
  // It is suspect, and would get traffic with the next good sign.
  bool may_return() const { return state() == WorkerState::suspect && is_wanted(); }
  // Requests that it has answered.
  std::uint64_t answered() const { return counters->answers.total(); }
  // The loops send it no requests.
  bool is_ejected() const {
    return !on_trial && counters->ejected_until.load(std::memory_order_relaxed) != 0;
  }
  // It is unhealthy and its heartbeats have stopped, so another process may have taken over its
  // address: a challenge with its key shows whether it is still the same worker.
  bool is_challenged() const {
    return !is_probed() && !has_left() && liveness.down() && !term_key.empty() && !has_refused;
  }
  bool may_be_last_resort() const {
    if (!distrust.empty()) return false;
    return is_probed() || (!has_refused && (!is_challenged() || is_proven));
  }
  bool gets_traffic() const { return state() == WorkerState::up && weight() > 0; }
};

// `real_now` is tandem::now(), not attentive time, because people read the answer. `of_service`:
// the protocol of workers that do not say what they speak.
wire::WorkerStatus status_of(const WorkerRecord& record, Instant real_now,
                             wire::WorkerProtocol of_service);

// When the certificate of that worker ends, and that this is why it is silent, or soon will be.
void tell_of_certificate(const tandem::tls::Peer& shown, tandem::tls::WallTime today,
                         wire::WorkerStatus& status);

std::shared_ptr<const SnapshotWorker> snapshot_of(const WorkerRecord& record, unsigned sharers);

}  // namespace tandem::master
