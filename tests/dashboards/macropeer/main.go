// Macropeer puts macros into queries by the engine of Grafana's plugins, and shows each macro with its arguments.
//
// It reads a JSON list of queries and writes one of answers.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data/sqlutil"
)

func main() {
	var asked struct {
		Macros  []string `json:"macros"`
		Queries []string `json:"queries"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		log.Fatal(err)
	}
	macros := sqlutil.Macros{}
	for _, name := range asked.Macros {
		macros[name] = func(_ *sqlutil.Query, args []string) (string, error) {
			return "<" + name + "|" + strings.Join(args, "|") + ">", nil
		}
	}
	answers := []string{}
	for _, sql := range asked.Queries {
		put, err := sqlutil.Interpolate(&sqlutil.Query{RawSQL: sql}, macros)
		if err != nil {
			put = "error"
		}
		answers = append(answers, put)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}
