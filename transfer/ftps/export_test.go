package ftps

import "immtrail/transfer"

// ParseListing reads MLSD as List does.
func ParseListing(raw []byte) transfer.Listing {
	var l transfer.Listing
	for _, f := range parseMLSD(raw) {
		add(&l, f.name, f.seen, "")
	}
	return l
}
