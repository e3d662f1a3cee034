//go:build !unix

package extract

// limitProcess has nothing to set: the parent's clock bounds the child.
func limitProcess() {}
