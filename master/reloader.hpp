// reloader.hpp: reads the configuration again while this master serves (SIGHUP, POST /v1/reload),
// and knows what is in force.
//
// A reload reads everything first: the flags with their file, certificates, tokens, the access log.
// Where anything is wrong, nothing changes. Then it is taken into use key by key, without closing a
// connection: new addresses are opened before old ones are closed. What needs a restart stays as it
// was, and is named (reload_table.hpp). What is said by flags is the same each time, so that only
// the file can say something else.
//
// Owner: main(). It outlives the data plane and the control plane, whose hooks it serves. Functions
// are for any thread, except where they say otherwise.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/configuration.hpp"
#include "common/base/mutex.hpp"
#include "common/service_manager/service_manager.hpp"
#include "master/client_tls.hpp"
#include "master/control/config_api.hpp"
#include "master/control/control_plane.hpp"
#include "master/flags.hpp"
#include "master/forward/access_log/log.hpp"
#include "master/forward/tracing/tracer.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/named_files.hpp"

namespace tandem::master {

class Reloader {
 public:
  // `argv` outlives it, and so does `manager`, which is told of each reload. `flags` and
  // `in_force`: as parse_flags() read them.
  Reloader(int argc, const char* const* argv, MasterFlags flags, Configuration in_force,
           ServiceManager& manager);

  // ---- main(), before the parts serve
  // Errors: `invalid`.
  Result<> open_access_log();
  // Null: none is kept.
  AccessLog* access_log() const { return access_log_.get(); }
  void start_tracing();
  // Null: there is none.
  Tracer* tracer() const { return tracer_.get(); }
  ConfigHooks hooks();
  // From now on it can reload. All outlive stop().
  struct Parts {
    ControlPlane& control;
    DataPlane& plane;
    ClientTls& tls;
  };
  void begin(Parts parts);

  // ---- any thread but the control thread
  // Blocks for the disk, and until all loops go by what is new. One at a time, in turn. Logs the
  // outcome, and records it as an event.
  ReloadReport reload(ReloadMode mode, const wire::Author& by);
  // Waits for the reload that is under way; those that come later are refused.
  void stop();

  // ---- any thread; none of these waits for a reload
  Configuration in_force() const;
  LogLevel log_level() const;
  // Until the next reload.
  void set_log_level(LogLevel level);
  Duration drain_timeout() const;

 private:
  ReloadReport reload_here(ReloadMode mode) TANDEM_REQUIRES(reloading_);
  std::vector<std::string> look_at(const MasterFlags& next) const TANDEM_REQUIRES(reloading_);
  std::vector<std::string> apply(MasterFlags& next, ReloadReport& report)
      TANDEM_REQUIRES(reloading_);
  void adopt(const MasterFlags& next, ReloadReport& report, std::unique_ptr<AccessLog> log)
      TANDEM_REQUIRES(reloading_);
  void tell_addresses(const std::optional<Endpoint>& for_clients,
                      const std::optional<Endpoint>& inner) TANDEM_REQUIRES(reloading_);
  void tell(const ReloadReport& report, const wire::Author& by) TANDEM_REQUIRES(reloading_);

  const int argc_;
  const char* const* const argv_;
  ServiceManager& manager_;
  Mutex reloading_;  // held during a reload; taken before mutex_
  MasterFlags flags_ TANDEM_GUARDED_BY(reloading_);
  FileContents contents_ TANDEM_GUARDED_BY(reloading_);               // as of the last reading
  std::unique_ptr<const Parts> parts_ TANDEM_GUARDED_BY(reloading_);  // null: not begun, or stopped
  std::unique_ptr<AccessLog> access_log_;  // as long as it reloads, that of reloading_
  std::unique_ptr<Tracer> tracer_;         // likewise
  // Those that a loop may still use, since it was stuck.
  std::vector<std::unique_ptr<AccessLog>> retired_ TANDEM_GUARDED_BY(reloading_);
  std::vector<std::unique_ptr<Tracer>> retired_tracers_ TANDEM_GUARDED_BY(reloading_);
  mutable Mutex mutex_;
  Configuration in_force_ TANDEM_GUARDED_BY(mutex_);
  LogLevel log_level_ TANDEM_GUARDED_BY(mutex_);
  Duration drain_timeout_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem::master
