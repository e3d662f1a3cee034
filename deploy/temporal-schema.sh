#!/bin/sh
# Brings Temporal's two databases to the schema of this server. May be repeated.
set -eu
SQL_PASSWORD="$(cat /run/secrets/temporal_db_password)"
export SQL_PASSWORD
for db in temporal temporal_visibility; do
  schema="/etc/temporal/schema/postgresql/v12/${db#temporal_}/versioned"
  temporal-sql-tool --db "$db" setup-schema -v 0.0
  temporal-sql-tool --db "$db" update-schema -d "$schema"
done
