// Package config is the one place that reads settings: the file immtrail.yaml,
// the environment, and nothing else. It is the only importer of viper.
//
// A setting is found, in this order, in the environment, in the file, in
// [Default]. Every fault of all of them is reported at once, each with the key
// and the place where it stands (file and line, or the variable's name): an
// unknown key and a value of the wrong type are faults, never ignored.
//
// # Environment
//
// The variable of a key is IMMTRAIL_ and the key in capitals, with two
// underscores between levels; one underscore belongs to the word:
//
//	temporal.task_queue    IMMTRAIL_TEMPORAL__TASK_QUEUE
//	people.mary.name       IMMTRAIL_PEOPLE__MARY__NAME
//
// Lists are written with commas; a list of keys as id=reference,id=reference.
//
// # Secrets
//
// No secret stands in a file of settings or is printed. A setting that needs
// one names it: env:NAME for a variable, file:/path for a file, which must not
// be readable by group or others. Relative paths, of secrets and of folders,
// count from the folder of the file of settings.
//
// Only mains import this package: everything below them is handed values.
package config
