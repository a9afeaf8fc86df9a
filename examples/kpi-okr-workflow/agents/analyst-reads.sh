# Which figures the analyst needs, and where they stand: name | section | row | column. A part of analyst.sh.

read_figures "$datadog" << 'LIST'
startup_customers    | Churn by segment | Startup    | Customers
startup_oct          | Churn by segment | Startup    | Oct
startup_nov          | Churn by segment | Startup    | Nov
startup_dec          | Churn by segment | Startup    | Dec
mid_customers        | Churn by segment | Mid-Market | Customers
mid_oct              | Churn by segment | Mid-Market | Oct
mid_nov              | Churn by segment | Mid-Market | Nov
mid_dec              | Churn by segment | Mid-Market | Dec
enterprise_customers | Churn by segment | Enterprise | Customers
enterprise_oct       | Churn by segment | Enterprise | Oct
enterprise_nov       | Churn by segment | Enterprise | Nov
enterprise_dec       | Churn by segment | Enterprise | Dec
overall_customers    | Churn by segment | Overall    | Customers
overall_oct          | Churn by segment | Overall    | Oct
overall_nov          | Churn by segment | Overall    | Nov
overall_dec          | Churn by segment | Overall    | Dec
left_0_7             | When they leave  | 0-7          | Share of leavers
left_8_30            | When they leave  | 8-30         | Share of leavers
left_31_90           | When they leave  | 31-90        | Share of leavers
left_later           | When they leave  | 91 and later | Share of leavers
never_template       | Feature adoption | Used a template          | Leavers who never did
never_invite         | Feature adoption | Invited a teammate       | Leavers who never did
never_integration    | Feature adoption | Connected an integration | Leavers who never did
kept_template        | Feature adoption | Used a template          | Kept customers who did
kept_invited         | Feature adoption | Invited a teammate       | Kept customers who did
kept_integrated      | Feature adoption | Connected an integration | Kept customers who did
slack_months         | Slack beta       | Months stable            | Value
slack_installs       | Slack beta       | Installs                 | Value
slack_success        | Slack beta       | Success rate             | Value
LIST

read_figures "$zendesk" << 'LIST'
tickets_onboarding   | Tickets by theme | Onboarding confusion | Tickets
tickets_features     | Tickets by theme | Missing features     | Tickets
tickets_billing      | Tickets by theme | Billing              | Tickets
tickets_performance  | Tickets by theme | Performance          | Tickets
tickets_other        | Tickets by theme | Other                | Tickets
tickets_all          | Tickets by theme | All                  | Tickets
share_onboarding     | Tickets by theme | Onboarding confusion | Share
share_features       | Tickets by theme | Missing features     | Share
share_billing        | Tickets by theme | Billing              | Share
share_performance    | Tickets by theme | Performance          | Share
share_other          | Tickets by theme | Other                | Share
phrase_first_project | Phrases that come back | "set up my first project"       | Tickets
phrase_import        | Phrases that come back | import from other tools         | Tickets
phrase_dashboard     | Phrases that come back | "where is the dashboard"        | Tickets
phrase_team          | Phrases that come back | "my team can't see my projects" | Tickets
churn_many_tickets   | Tickets in the first week | Three or more | Churn
churn_no_tickets     | Tickets in the first week | None          | Churn
LIST

read_figures "$survey" << 'LIST'
asked                | Response    | Asked                   | Value
answered             | Response    | Answered                | Value
response_rate        | Response    | Response rate           | Value
said_hard            | Main reason | Too hard to get started | Answers
said_feature         | Main reason | Missing a key feature   | Answers
said_competitor      | Main reason | Went to a competitor    | Answers
said_price           | Main reason | Price                   | Answers
said_other           | Main reason | Other                   | Answers
pct_hard             | Main reason | Too hard to get started | Share
pct_feature          | Main reason | Missing a key feature   | Share
pct_competitor       | Main reason | Went to a competitor    | Share
pct_price            | Main reason | Price                   | Share
pct_other            | Main reason | Other                   | Share
LIST
