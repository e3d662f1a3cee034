package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// PortfolioPractice is a practice as the overview of all needs it.
type PortfolioPractice struct {
	ID         string
	Name       string
	Phase      registry.Phase
	Connection string
	Sites      int
	// Vendor and VendorName are the EHR vendor's contact; empty without one.
	Vendor, VendorName string
	// Coordinators are names and addresses of those who run its data exchange.
	Coordinators []string
	// Open counts errors that nobody settled, Overdue those of them whose date has
	// come; Due is the earliest date of an open one, nil without any.
	Open, Overdue int
	Due           *time.Time
}

// PortfolioSite is a site that needs somebody, or was asked for by name.
type PortfolioSite struct {
	Practice, Site string
	Phase          registry.Phase
	Open, Overdue  int
	Due            *time.Time
	// Incident, Words and Since tell of the oldest incident of the site that is
	// open; empty without one.
	Incident, Words string
	Since           *time.Time
}

// Portfolio reads all practices that are not withdrawn, by ID, with their errors
// as of date.
func (s *Store) Portfolio(ctx context.Context, date time.Time) ([]PortfolioPractice, error) {
	all, err := many[PortfolioPractice](ctx, s.pool, `
		with wrong as (
			select practice, count(*)::int as open, (count(*) filter (where due_at < @date))::int as overdue, min(due_at) as due
			from open_errors group by practice
		), clinics as (
			select practice, count(*)::int as sites from sites group by practice
		), vendors as (
			select distinct on (practice) practice, email, name from contacts where role = 'ehr-vendor' order by practice, ordinal
		), desks as (
			select practice, array_agg(name order by ordinal) || array_agg(email order by ordinal) as coordinators
			from contacts where role = 'coordinator' group by practice
		)
		select p.id, p.name, p.phase, p.connection, coalesce(c.sites, 0) as sites, coalesce(d.coordinators, '{}') as coordinators,
			coalesce(v.email, '') as vendor, coalesce(v.name, '') as vendor_name,
			coalesce(w.open, 0) as open, coalesce(w.overdue, 0) as overdue, w.due
		from practices p
		left join wrong w on w.practice = p.id
		left join clinics c on c.practice = p.id
		left join vendors v on v.practice = p.id
		left join desks d on d.practice = p.id
		order by p.id`, pgx.NamedArgs{"date": date})
	return all, fault("portfolio", err)
}

// PortfolioSites reads the sites that have an open incident or open errors, and,
// where site is given, every site of that name.
func (s *Store) PortfolioSites(ctx context.Context, date time.Time, site string) ([]PortfolioSite, error) {
	all, err := many[PortfolioSite](ctx, s.pool, `
		with wrong as (
			select practice, site, count(*)::int as open, (count(*) filter (where due_at < @date))::int as overdue, min(due_at) as due
			from open_errors where site <> '' group by practice, site
		), told as (
			select distinct on (practice, site) practice, site, kind, words, opened_at from incidents
			where closed_at is null and site <> '' order by practice, site, opened_at
		)
		select s.practice, s.id as site, p.phase, coalesce(w.open, 0) as open, coalesce(w.overdue, 0) as overdue, w.due,
			coalesce(t.kind, '') as incident, coalesce(t.words, '') as words, t.opened_at as since
		from sites s join practices p on p.id = s.practice
		left join wrong w on w.practice = s.practice and w.site = s.id
		left join told t on t.practice = s.practice and t.site = s.id
		where p.phase <> 'withdrawn' and (s.id = @site or @site = '' and (w.open > 0 or t.kind is not null))
		order by s.practice, s.ordinal`, pgx.NamedArgs{"date": date, "site": site})
	return all, fault("portfolio", err)
}
