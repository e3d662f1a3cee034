// Package byhand lays a file out for a person who uploads it with a browser:
// in a folder that only one account can read, under the name that it is to have
// at the registry.
//
// It is no driver: nobody can look at the registry with it. It must not choose
// names or folders, and must not remove anything but what it has laid out.
package byhand
