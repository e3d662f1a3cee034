package cli

import (
	"fmt"
	"slices"
	"strings"

	"immtrail/config"
	"immtrail/registry"
)

// Who acts. The login at this computer is looked up in the settings (people).
// Root and logins that are not listed may look and not change.
//
// --as NAME is taken in two cases only:
//
//   - The person's entry lists NAME's login in may_act_for: an assistant enters
//     what the coordinator decided. The audit log then names both.
//   - IMMTRAIL_ALLOW_AS=1, as the sandbox sets it: anybody may act under any
//     name, root too, and the audit log marks the act as claimed.

// actor returns the person who acts, or refuses.
func (a *app) actor() (registry.Actor, error) {
	cfg, err := a.config()
	if err != nil {
		return registry.Actor{}, err
	}
	if a.env.Getenv(config.EnvAllowAs) == "1" && a.as != "" {
		return registry.Actor{Name: personName(cfg, a.as), Via: "cli", Claimed: true}, nil
	}
	me, err := a.me(cfg)
	if err != nil {
		return registry.Actor{}, err
	}
	if a.as == "" {
		return registry.Actor{Name: me.Name, Via: "cli"}, nil
	}
	login := findLogin(cfg, a.as)
	if login == "" || !slices.Contains(me.MayActFor, login) && !slices.Contains(me.MayActFor, "*") {
		return registry.Actor{}, refused("you may not act for %s: your entry below people in %s does not list them in may_act_for",
			a.as, a.settingsName())
	}
	return registry.Actor{Name: fmt.Sprintf("%s (entered by %s)", cfg.People[login].Name, me.Name), Via: "cli"}, nil
}

// actorBy is actor for commands that name who decides: oneself, or somebody for
// whom one may act.
func (a *app) actorBy(by string) (registry.Actor, error) {
	if by == "" {
		return a.actor()
	}
	cfg, err := a.config()
	if err != nil {
		return registry.Actor{}, err
	}
	me, err := a.me(cfg)
	if err != nil || (!strings.EqualFold(by, me.Name) && !strings.EqualFold(by, a.env.Login)) {
		a.as = by
	}
	return a.actor()
}

func (a *app) me(cfg *config.Config) (config.Person, error) {
	login := a.env.Login
	if i := strings.LastIndexByte(login, '\\'); i >= 0 { // DOMAIN\user on Windows
		login = login[i+1:]
	}
	if login == "root" {
		return config.Person{}, refused("root changes nothing here, since nobody could tell later who it was; " +
			"log in as yourself (or, in a rehearsal, set IMMTRAIL_ALLOW_AS=1 and give --as NAME)")
	}
	me, ok := cfg.Person(login)
	if !ok {
		return config.Person{}, refused("the login %q is nobody that the settings know; add it in %s:\n\n  people:\n    %s:\n      name: Your Name\n      email: you@example.org",
			login, a.settingsName(), login)
	}
	return me, nil
}

func (a *app) settingsName() string {
	if a.cfg != nil && a.cfg.File != "" {
		return a.cfg.File
	}
	return config.FileName
}

// findLogin returns the login of a person named by login or by name.
func findLogin(cfg *config.Config, who string) string {
	if _, ok := cfg.Person(who); ok {
		return strings.ToLower(who)
	}
	for login, p := range cfg.People {
		if strings.EqualFold(p.Name, who) {
			return login
		}
	}
	return ""
}

// personName is the full name where who is known, and who itself where not.
func personName(cfg *config.Config, who string) string {
	if login := findLogin(cfg, who); login != "" {
		return cfg.People[login].Name
	}
	return who
}
