-- Prosody for the comparison: rooms with an archive (muc_mam) in SQLite, which is in WAL mode; no limits of rates
-- (mod_limits is not loaded); presence is not told to everybody in a room.
run_as_root = true
pidfile = "${FOLDER}/pid"
data_path = "${FOLDER}"
gc = { mode = "generational" } -- 1.5 to 3 times as fast as the one that it comes with
log = { warn = "*console" }
interfaces = { "127.0.0.1" }
c2s_ports = { }
c2s_direct_tls_ports = { }
s2s_ports = { }
http_interfaces = { "127.0.0.1" }
http_ports = { ${PORT} }
https_ports = { }
modules_enabled = { "disco", "ping", "register", "roster", "saslauth", "websocket" }
modules_disabled = { "s2s", "tls" }
authentication = "internal_plain"
allow_registration = true
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
consider_websocket_secure = true
storage = { muc_log = "sql" }
sql = { driver = "SQLite3", database = "prosody.sqlite" }

VirtualHost "localhost"

Component "conference.localhost" "muc"
  modules_enabled = { "muc_mam" }
  muc_log_all_rooms = true
  muc_log_expires_after = "never"
  muc_room_default_persistent = true
  muc_room_default_presence_broadcast = { visitor = false, participant = false, moderator = false }
  muc_room_locking = false
