package conformance_test

import (
	"time"

	"immtrail/registry"
)

var (
	now      = time.Date(2026, 3, 4, 18, 0, 0, 0, time.UTC)
	practice = &registry.Practice{
		ID: "sunrise-plano", OrgCode: "SUNR1234", IISID: "0001112000", Zone: "America/Chicago",
		Sites: []registry.Site{{ID: "plano", Facilities: []string{"SUNR1234P"}}},
	}
)
