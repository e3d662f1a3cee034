// Package deploy holds the tests of docker-compose.yml and deploy/: nothing
// else may be in it.
//
// No Docker engine is needed, and none is used. The tests read the file as
// Docker Compose reads it, and start worker and starter as the processes, with
// the commands and the environment, that it describes; only hosts, ports and
// folders are this machine's. What the images of others do inside is not
// tested: the images were not run.
package deploy
