"""What a reader looks at: charts, tables, sentences, in both languages."""
