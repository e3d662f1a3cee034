package config

import (
	"fmt"
	"reflect"
	"time"
)

// Setting is one line of what is in force.
type Setting struct {
	Key string `json:"key"`
	// Value is the value as text; secrets are the reference only, and what is
	// no reference is hidden.
	Value string `json:"value"`
	// Place is where it was set: "default", file and line, or a variable.
	Place string `json:"place"`
	// Doc says in a sentence what it does.
	Doc string `json:"doc,omitempty"`
}

// Settings lists what is in force, redacted, in the order of the file.
func (c *Config) Settings() []Setting {
	var out []Setting
	c.walk(reflect.ValueOf(c).Elem(), "", "", &out)
	return out
}

func (c *Config) walk(v reflect.Value, key, doc string, out *[]Setting) {
	switch {
	case v.Kind() == reflect.Struct && v.Type() != timeType:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if name := field.Tag.Get("key"); name != "" {
				c.walk(v.Field(i), join(key, name), field.Tag.Get("doc"), out)
			}
		}
		return
	case v.Kind() == reflect.Map && v.Len() > 0:
		people := v.Interface().(map[string]Person)
		for _, login := range sortedKeys(people) {
			c.walk(reflect.ValueOf(people[login]), join(key, login), "", out)
		}
		return
	case v.Kind() == reflect.Slice && v.Len() > 0:
		for i := range v.Len() {
			c.walk(v.Index(i), fmt.Sprintf("%s[%d]", key, i), doc, out)
		}
		return
	}
	*out = append(*out, Setting{Key: key, Value: c.redacted(key, v), Place: c.placeOf(key), Doc: doc})
}

func (c *Config) placeOf(key string) string {
	for k := key; k != ""; k = parent(k) {
		if place, ok := c.places[k]; ok {
			return place
		}
	}
	return "default"
}

func (c *Config) redacted(key string, v reflect.Value) string {
	switch value := v.Interface().(type) {
	case Secret:
		if value.Set() && !value.IsReference() {
			return "(hidden)"
		}
		return string(value)
	case time.Time:
		if value.IsZero() {
			return ""
		}
		return value.Format(time.RFC3339)
	case string:
		if key == "database.url" {
			return redactURL(value)
		}
		return value
	}
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return ""
	}
	return fmt.Sprint(v.Interface())
}
