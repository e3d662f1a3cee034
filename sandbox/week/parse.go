package week

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Day is a day of the week with its commands.
type Day struct {
	Name  string
	Steps []Step
}

// Step is one command and what it has to print.
type Step struct {
	// Line is where the command stands in the page, from 1.
	Line int
	// Args are the arguments of the starter; they may hold ‹names›.
	Args []string
	// Want are the lines that it prints.
	Want []string
	// Exit is the exit code that it ends with.
	Exit int
	// Wait says that the command is repeated until it prints what it should.
	Wait bool
}

const (
	fence   = "```"
	program = "starter"
)

var exitLine = regexp.MustCompile(`^\(exit code ([0-9]+)\)$`)

// Parse reads the page. It returns an error, with the line, where a block is not
// closed, text stands before the first command of a block, or a command is not
// one of the starter.
func Parse(r io.Reader) ([]Day, error) {
	p := &parser{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		p.line++
		if err := p.take(lines.Text()); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if p.inside != outside {
		return nil, fmt.Errorf("line %d: the block is not closed", p.opened)
	}
	return p.days, nil
}

// place says where in the page the parser is.
type place int

const (
	outside place = iota
	console
	other // a block that is not played
)

type parser struct {
	days         []Day
	line, opened int
	inside       place
	wait         bool
	step         *Step
}

func (p *parser) take(line string) error {
	if strings.HasPrefix(line, fence) {
		return p.fence(strings.TrimSpace(strings.TrimPrefix(line, fence)))
	}
	switch p.inside {
	case console:
		return p.console(line)
	case outside:
		if name, ok := strings.CutPrefix(line, "## "); ok {
			p.days = append(p.days, Day{Name: strings.TrimSpace(name)})
		}
	case other:
	}
	return nil
}

func (p *parser) fence(info string) error {
	if p.inside != outside {
		if info != "" {
			return fmt.Errorf("a block begins inside the one of line %d", p.opened)
		}
		p.inside = outside
		return p.endStep()
	}
	p.inside, p.opened, p.wait = other, p.line, false
	words := strings.Fields(info)
	if len(words) == 0 || words[0] != "console" {
		return nil
	}
	p.inside = console
	for _, w := range words[1:] {
		if w != "wait" {
			return fmt.Errorf("nothing is known of a console block that is %q", w)
		}
		p.wait = true
	}
	return nil
}

func (p *parser) console(line string) error {
	command, ok := strings.CutPrefix(line, "$ ")
	if !ok {
		if p.step == nil {
			return fmt.Errorf("a command comes first: $ %s …", program)
		}
		p.step.Want = append(p.step.Want, line)
		return nil
	}
	if err := p.endStep(); err != nil {
		return err
	}
	args, err := split(command)
	if err != nil {
		return err
	}
	if len(args) == 0 || args[0] != program {
		return fmt.Errorf("only commands of the %s can be played", program)
	}
	p.step = &Step{Line: p.line, Args: args[1:], Wait: p.wait}
	return nil
}

// endStep closes the command before, without empty lines at the end of what it
// prints.
func (p *parser) endStep() error {
	s := p.step
	if s == nil {
		return nil
	}
	p.step = nil
	for n := len(s.Want); n > 0 && strings.TrimSpace(s.Want[n-1]) == ""; n-- {
		s.Want = s.Want[:n-1]
	}
	if n := len(s.Want); n > 0 {
		if m := exitLine.FindStringSubmatch(s.Want[n-1]); m != nil {
			code, err := strconv.Atoi(m[1])
			if err != nil {
				return err
			}
			s.Exit, s.Want = code, s.Want[:n-1]
		}
	}
	if len(p.days) == 0 {
		return fmt.Errorf("the command of line %d belongs to no day: put a heading before it", s.Line)
	}
	last := &p.days[len(p.days)-1]
	last.Steps = append(last.Steps, *s)
	return nil
}

// split cuts a command into words as a shell does: blanks separate, quotes of
// either kind keep together. Nothing else is special.
func split(command string) ([]string, error) {
	var (
		words []string
		word  strings.Builder
		quote rune
		open  bool
	)
	for _, r := range command {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, open = r, true
		case r == ' ' || r == '\t':
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %q is not closed", string(quote))
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
