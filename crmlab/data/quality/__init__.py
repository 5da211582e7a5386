"""How good the data is: rules, the scorecard of GB/T 36344-2018, the gate, the trend, the impact."""
