#!/bin/bash
# Run once by the postgres image, on an empty data folder: a role for immtrail
# and one for Temporal. Neither sees the other's databases.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres \
  -v immtrail="$(cat /run/secrets/immtrail_db_password)" \
  -v temporal="$(cat /run/secrets/temporal_db_password)" <<'SQL'
CREATE ROLE immtrail LOGIN PASSWORD :'immtrail';
CREATE ROLE temporal LOGIN PASSWORD :'temporal';
CREATE DATABASE immtrail OWNER immtrail;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE immtrail, temporal, temporal_visibility FROM PUBLIC;
SQL
